-- The run that a queued job can share: that of an identical job, by the compiler that the worker seen last would use.
SELECT run.number
FROM jobs AS own
JOIN jobs AS run ON run.project = own.project AND run.spec_digest = own.spec_digest
WHERE own.number = :number AND own.spec_digest != '' AND own.fresh = 0
  AND run.state IN ('queued', 'running') AND run.state = 'running' AND run.leader IS NULL
  AND run.cancel_requested = 0 AND run.expires_at IS NULL
  AND run.need = own.need AND run.max_attempt IS own.max_attempt
  AND run.compiler_version = (SELECT compiler_version FROM workers ORDER BY seen_at DESC LIMIT 1)
  AND (SELECT count(*) FROM jobs AS other WHERE other.leader = run.number) < :limit
ORDER BY run.number LIMIT 1;
