-- Queue time stood still while there was no server, the clock did not.
UPDATE jobs SET expires_at = :queue_now + max(0, deadline - :now)
WHERE deadline IS NOT NULL AND state IN ('queued', 'running');
