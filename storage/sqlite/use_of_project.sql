SELECT coalesce((SELECT sum(queued) FROM backlog WHERE project = :name AND queued > 0), 0) AS queued,
       (SELECT count(*) FROM jobs WHERE project = :name AND state = 'running') AS running,
       coalesce((SELECT bytes FROM blob_usage WHERE project = :name), 0) AS bytes;
