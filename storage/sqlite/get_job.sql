SELECT *, (SELECT count(*) FROM jobs AS earlier
           WHERE jobs.state = 'queued' AND earlier.state = 'queued' AND earlier.number < jobs.number) AS queue_position
FROM jobs WHERE number = :number;
