UPDATE jobs SET lease_until = :lease_until WHERE lease_token = :token AND lease_until > :now
RETURNING number, id, worker, cancel_requested;
