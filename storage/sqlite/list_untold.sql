-- Jobs that no worker can take, and whose history does not say so yet.
SELECT number FROM jobs WHERE state = 'queued' AND told_waiting = 0 AND need = :need ORDER BY number LIMIT :limit;
