-- One statement, so that two workers cannot win. Of each user, the job of the lowest rank that the worker can take
-- (:needs is a JSON array of the needs it meets); of these, the one whose user has the fewest running jobs, then of the
-- user served longest ago.
UPDATE jobs
SET state = 'running', attempts = attempts + 1, worker = :worker, compiler_version = :compiler_version,
    started_at = :now, progress = NULL, lease_token = :token, lease_until = :lease_until, events_taken = 0,
    attempt_until = min(:queue_now + min(coalesce(max_attempt, :max_attempt), :max_attempt),
                        coalesce(expires_at, 9223372036854775807))
WHERE number = (
  SELECT jobs.number
  FROM (SELECT (SELECT number FROM jobs
                WHERE state = 'queued' AND user = backlog.user AND need = backlog.need AND not_before <= :queue_now
                ORDER BY rank, number LIMIT 1) AS number
        FROM backlog
        WHERE queued > 0 AND need IN (SELECT value FROM json_each(:needs))) AS head
  JOIN jobs ON jobs.number = head.number
  JOIN shares ON shares.user = jobs.user
  WHERE :max_running = 0 OR shares.running < :max_running
  ORDER BY shares.running, shares.served, jobs.rank, jobs.number LIMIT 1)
RETURNING number;
