-- One statement, so that two workers cannot win. Of each user, the job of the lowest rank that the worker can take
-- (:needs is a JSON array of the needs it meets); of these, the one whose user has the fewest running jobs, then of the
-- user served longest ago. Users and projects that have as many running jobs as they may are left out; where no limits
-- are stored none are looked up.
UPDATE jobs
SET state = 'running', attempts = attempts + 1, worker = :worker, compiler_version = :compiler_version,
    started_at = :now, progress = NULL, lease_token = :token, lease_until = :lease_until, events_taken = 0,
    attempt_until = min(:queue_now + min(coalesce(max_attempt, :max_attempt), :max_attempt),
                        coalesce(expires_at, 9223372036854775807))
WHERE number = (
  SELECT jobs.number
  FROM (SELECT (SELECT number FROM jobs
                WHERE state = 'queued' AND user = backlog.user AND need = backlog.need AND project = backlog.project
                  AND not_before <= :queue_now
                ORDER BY rank, number LIMIT 1) AS number
        FROM backlog
        WHERE queued > 0 AND need IN (SELECT value FROM json_each(:needs))
          AND (NOT EXISTS (SELECT 1 FROM limits WHERE kind = 'project' AND running_jobs IS NOT NULL)
               OR (SELECT most IS NULL
                          OR most > (SELECT count(*) FROM jobs WHERE project = backlog.project AND state = 'running')
                   FROM (SELECT coalesce(
                           (SELECT running_jobs FROM limits WHERE kind = 'project' AND name = backlog.project),
                           (SELECT running_jobs FROM limits WHERE kind = 'project' AND name = '*')) AS most)))) AS head
  JOIN jobs ON jobs.number = head.number
  JOIN shares ON shares.user = jobs.user
  WHERE shares.running <
          CASE WHEN EXISTS (SELECT 1 FROM limits WHERE kind = 'user' AND running_jobs IS NOT NULL)
          THEN coalesce((SELECT running_jobs FROM limits WHERE kind = 'user' AND name = jobs.user),
                        (SELECT running_jobs FROM limits WHERE kind = 'user' AND name = '*'),
                        :max_running)
          ELSE :max_running END
    AND NOT (SELECT drained FROM server_drain)
  ORDER BY shares.running, shares.served, jobs.rank, jobs.number LIMIT 1)
RETURNING number;
