-- :states is a JSON array, or NULL for all.
SELECT *, (SELECT count(*) FROM jobs AS earlier
           WHERE jobs.state = 'queued' AND earlier.state = 'queued' AND earlier.number < jobs.number) AS queue_position
FROM jobs
WHERE number < :before AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
ORDER BY number DESC LIMIT :limit;
