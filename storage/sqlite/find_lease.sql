SELECT number, attempts, worker, cancel_requested FROM jobs WHERE lease_token = :token AND lease_until > :now;
