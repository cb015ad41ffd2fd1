SELECT number, attempts, worker, cancel_requested, lease_until, attempt_until, expires_at, events_taken FROM jobs
WHERE lease_token = :token AND lease_until > :queue_now AND attempt_until > :queue_now;
