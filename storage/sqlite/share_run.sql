UPDATE jobs
SET state = 'running', leader = run.number, merged_with = run.id, attempts = max(jobs.attempts, run.attempts),
    worker = run.worker, compiler_version = run.compiler_version, started_at = :now, progress = run.progress,
    lease_token = :token, lease_until = 9223372036854775807, attempt_until = NULL, events_taken = 0
FROM (SELECT * FROM jobs WHERE number = :leader) AS run
WHERE jobs.number = :number AND jobs.state = 'queued';
