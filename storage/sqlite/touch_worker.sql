INSERT INTO workers (name, compiler_version, capabilities, last_seen_at, seen_at)
VALUES (:name, :compiler_version, :capabilities, :now, :queue_now)
ON CONFLICT (name) DO UPDATE
SET compiler_version = excluded.compiler_version, capabilities = excluded.capabilities,
    last_seen_at = excluded.last_seen_at, seen_at = excluded.seen_at
RETURNING drained OR (SELECT drained FROM server_drain) AS drained, rests_until;
