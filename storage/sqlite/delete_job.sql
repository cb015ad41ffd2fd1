DELETE FROM jobs WHERE number = :number RETURNING id, user;
