SELECT id, lease_token, lease_until, attempt_until, events_taken FROM jobs WHERE number = :number;
