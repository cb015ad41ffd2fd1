UPDATE jobs SET lease_until = :lease_until
WHERE lease_token = :token AND lease_until > :queue_now AND attempt_until > :queue_now
RETURNING number, id, worker, cancel_requested, events_taken;
