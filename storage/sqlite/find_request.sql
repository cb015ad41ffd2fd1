SELECT number, array_id FROM jobs WHERE request_id = :request_id;
