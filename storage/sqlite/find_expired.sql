-- Leases that were not renewed in time, and attempts that took too long.
SELECT number, attempts, worker, cancel_requested, lease_until, attempt_until, expires_at, events_taken FROM jobs
WHERE state = 'running' AND (lease_until <= :queue_now OR attempt_until <= :queue_now)
ORDER BY number;
