-- About the order of turns: the first of each user's, then the second of each, and so on; fewer running jobs go first.
SELECT jobs.id, jobs.user, jobs.project, jobs.created_at, jobs.options, jobs.not_before, needs.waiting_reason,
       line.running AS user_running,
       (SELECT count(*) FROM jobs AS other WHERE other.project = jobs.project AND other.state = 'running')
         AS project_running
FROM (SELECT line.number, line.turn, line.rank, shares.running, shares.served
      FROM (SELECT number, user, rank, row_number() OVER (PARTITION BY user ORDER BY rank, number) AS turn
            FROM jobs INDEXED BY jobs_of_user_in_line WHERE state = 'queued') AS line
      JOIN shares ON shares.user = line.user
      ORDER BY line.turn, shares.running, shares.served, line.rank, line.number LIMIT :limit) AS line
JOIN jobs ON jobs.number = line.number
JOIN needs ON needs.number = jobs.need
ORDER BY line.turn, line.running, line.served, line.rank, line.number;
