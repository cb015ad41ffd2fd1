INSERT INTO workers (name, compiler_version, last_seen_at) VALUES (:name, :compiler_version, :now)
ON CONFLICT (name) DO UPDATE SET compiler_version = excluded.compiler_version, last_seen_at = excluded.last_seen_at;
