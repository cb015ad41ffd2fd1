INSERT INTO needs (cpus, memory_bytes, gpus, labels) VALUES (:cpus, :memory_bytes, :gpus, :labels) RETURNING number;
