-- Queued jobs that can share the run of this one.
SELECT other.number
FROM jobs AS run
JOIN jobs AS other ON other.project = run.project AND other.spec_digest = run.spec_digest
WHERE run.number = :number AND run.spec_digest != '' AND run.expires_at IS NULL
  AND other.state IN ('queued', 'running') AND other.state = 'queued' AND other.fresh = 0
  AND other.need = run.need AND other.max_attempt IS run.max_attempt
ORDER BY other.number LIMIT :limit;
