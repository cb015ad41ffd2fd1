SELECT number FROM jobs WHERE request_id = :request_id;
