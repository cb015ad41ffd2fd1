UPDATE jobs SET state = 'failed', failure = :failure, finished_at = :now, ended_at = :queue_now
WHERE number = :number AND state = 'queued';
