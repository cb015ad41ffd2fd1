SELECT * FROM job_rows WHERE array_id = :array_id AND array_id != '' AND number < :before ORDER BY number DESC
LIMIT :limit;
