SELECT * FROM job_rows WHERE project = :project AND number < :before AND (:user IS NULL OR user = :user)
ORDER BY number DESC LIMIT :limit;
