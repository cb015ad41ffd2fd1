SELECT number FROM jobs WHERE leader = :leader ORDER BY number;
