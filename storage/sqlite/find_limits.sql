-- The subject's own row comes first.
SELECT name, blob_bytes, queued_jobs, running_jobs
FROM limits WHERE kind = :kind AND name IN (:name, '*') ORDER BY name = '*';
