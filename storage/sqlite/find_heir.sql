-- Who has no deadline, or the last one, lasts for as long as the others.
SELECT number FROM jobs WHERE leader = :leader ORDER BY expires_at IS NOT NULL, expires_at DESC, number LIMIT 1;
