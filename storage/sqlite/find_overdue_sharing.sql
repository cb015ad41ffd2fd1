-- Of jobs that share a run, those whose own deadline has passed.
SELECT number FROM jobs WHERE leader IS NOT NULL AND expires_at <= :queue_now ORDER BY expires_at LIMIT 100;
