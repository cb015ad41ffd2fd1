INSERT INTO limits (kind, name, blob_bytes, queued_jobs, running_jobs)
VALUES (:kind, :name, :blob_bytes, :queued_jobs, :running_jobs)
ON CONFLICT (kind, name) DO UPDATE
SET blob_bytes = excluded.blob_bytes, queued_jobs = excluded.queued_jobs, running_jobs = excluded.running_jobs;
