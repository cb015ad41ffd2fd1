UPDATE jobs SET state = 'cancelled', finished_at = :now WHERE number = :number AND state = 'queued' RETURNING number;
