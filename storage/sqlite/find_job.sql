SELECT number FROM jobs WHERE id = :id;
