SELECT last_event FROM jobs WHERE number = :number;
