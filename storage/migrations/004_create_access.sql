-- Who may do what. Times are nanoseconds since 1970 (UTC).
CREATE TABLE tokens (
  -- SHA-256 of the token; the token itself is kept nowhere.
  secret_digest TEXT PRIMARY KEY,
  -- What people call the token by.
  id TEXT NOT NULL UNIQUE,
  user TEXT NOT NULL,
  project TEXT NOT NULL,
  note TEXT NOT NULL,
  may_submit INTEGER NOT NULL CHECK (may_submit IN (0, 1)),
  may_work INTEGER NOT NULL CHECK (may_work IN (0, 1)),
  may_admin INTEGER NOT NULL CHECK (may_admin IN (0, 1)),
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  -- NULL: never.
  expires_at INTEGER,
  last_used_at INTEGER,
  revoked_at INTEGER,

  CHECK (length(secret_digest) = 64),
  CHECK (may_submit + may_work + may_admin > 0)
) STRICT, WITHOUT ROWID;

-- What a user or project may have at most; NULL: what the row named '*' of the same kind says, else as much as fits.
CREATE TABLE limits (
  kind TEXT NOT NULL CHECK (kind IN ('user', 'project')),
  name TEXT NOT NULL,
  blob_bytes INTEGER CHECK (blob_bytes >= 0),
  queued_jobs INTEGER CHECK (queued_jobs >= 0),
  running_jobs INTEGER CHECK (running_jobs >= 0),
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
