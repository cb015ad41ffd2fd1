UPDATE jobs SET cancel_requested = 1 WHERE number = :number AND state = 'running';
