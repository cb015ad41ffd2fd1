UPDATE jobs SET last_event = :last_event WHERE number = :number;
