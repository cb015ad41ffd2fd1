UPDATE jobs SET lease_until = :lease_until, attempt_until = coalesce(attempt_until, :attempt_until)
WHERE state = 'running' AND leader IS NULL;
