SELECT number FROM needs WHERE cpus = :cpus AND memory_bytes = :memory_bytes AND gpus = :gpus AND labels = :labels;
