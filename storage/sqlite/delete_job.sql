DELETE FROM jobs WHERE number = :number;
