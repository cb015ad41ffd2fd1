-- A job that is queued again has lost what was known of its attempt; one that was released did not have the attempt.
UPDATE jobs
SET state = :state, attempts = attempts - :uncounted_attempts, cancel_requested = 0,
    progress = CASE :state WHEN 'queued' THEN NULL ELSE progress END,
    result = :result, failure = :failure, not_before = :not_before,
    finished_at = CASE :state WHEN 'queued' THEN NULL ELSE :now END,
    ended_at = CASE :state WHEN 'queued' THEN NULL ELSE :queue_now END,
    leader = NULL, merged_with = CASE :state WHEN 'queued' THEN '' ELSE merged_with END, answered_from = :answered_from,
    lease_token = NULL, lease_until = NULL, attempt_until = NULL
WHERE number = :number;
