SELECT * FROM job_rows WHERE number < :before AND (:user IS NULL OR user = :user) ORDER BY number DESC LIMIT :limit;
