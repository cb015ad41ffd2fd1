INSERT INTO events (job, sequence, event) VALUES (:number, :sequence, :event);
