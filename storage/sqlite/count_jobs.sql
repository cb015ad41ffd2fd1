SELECT coalesce(sum(queued), 0) AS queued, coalesce(sum(running), 0) AS running,
       (SELECT created_at FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1) AS oldest_queued_at
FROM shares;
