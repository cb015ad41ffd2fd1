SELECT number FROM jobs WHERE state = 'queued' AND expires_at IS NOT NULL AND expires_at <= :queue_now
ORDER BY expires_at LIMIT 100;
