UPDATE jobs SET state = 'cancelled', finished_at = :now, ended_at = :queue_now WHERE number = :number AND state = 'queued'
RETURNING number;
