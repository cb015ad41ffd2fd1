UPDATE jobs SET attempt_log = :attempt_log WHERE number = :number;
