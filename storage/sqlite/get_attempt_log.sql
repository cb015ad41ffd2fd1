SELECT attempt_log FROM jobs WHERE number = :number;
