-- One statement, so that two workers cannot win.
UPDATE jobs
SET state = 'running', attempts = attempts + 1, worker = :worker, started_at = :now, progress = NULL,
    lease_token = :token, lease_until = :lease_until
WHERE number = (SELECT number FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1)
RETURNING number;
