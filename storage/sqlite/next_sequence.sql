UPDATE jobs SET last_event = last_event + 1 WHERE number = :number RETURNING last_event;
