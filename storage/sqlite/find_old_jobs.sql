SELECT number FROM jobs WHERE ended_at IS NOT NULL AND ended_at <= :ended_before ORDER BY ended_at LIMIT :limit;
