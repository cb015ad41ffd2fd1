SELECT kind, name, blob_bytes, queued_jobs, running_jobs FROM limits ORDER BY kind, name;
