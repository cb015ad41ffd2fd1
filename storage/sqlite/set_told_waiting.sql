UPDATE jobs SET told_waiting = 1 WHERE number = :number RETURNING id;
