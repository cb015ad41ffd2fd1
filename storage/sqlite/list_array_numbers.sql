SELECT number FROM jobs WHERE array_id = :array_id AND array_id != '' ORDER BY number;
