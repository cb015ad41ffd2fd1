UPDATE jobs
SET state = 'failed', failure = :failure, spec = :spec, options = :options, attempt_log = :attempt_log, progress = NULL,
    result = NULL, cancel_requested = 0, finished_at = :now, ended_at = :queue_now, leader = NULL, lease_token = NULL,
    lease_until = NULL, attempt_until = NULL
WHERE number = :number;
