UPDATE jobs
SET leader = NULL, merged_with = '', lease_token = :token, lease_until = :lease_until, events_taken = :events_taken,
    attempt_until = min(:attempt_until, coalesce(expires_at, :attempt_until))
WHERE number = :number;
