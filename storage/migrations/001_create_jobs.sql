-- Times are nanoseconds since 1970 (UTC). spec, progress, result, failure and event are serialized joinery.v1 messages.
CREATE TABLE jobs (
  -- The order of submission, which is the order of the queue.
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  request_id TEXT NOT NULL UNIQUE,
  spec BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  worker TEXT NOT NULL DEFAULT '',
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  progress BLOB,
  result BLOB,
  failure BLOB,
  lease_token TEXT UNIQUE,
  lease_until INTEGER,
  -- The sequence of the newest event.
  last_event INTEGER NOT NULL DEFAULT 0,

  CHECK ((state = 'running') = (lease_token IS NOT NULL)),
  CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CHECK (state != 'running' OR attempts > 0),
  CHECK (state = 'running' OR cancel_requested = 0),
  CHECK ((state = 'succeeded') = (result IS NOT NULL)),
  CHECK ((state = 'failed') = (failure IS NOT NULL)),
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, number);

CREATE TABLE events (
  job INTEGER NOT NULL REFERENCES jobs (number),
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  event BLOB NOT NULL,
  PRIMARY KEY (job, sequence)
) STRICT, WITHOUT ROWID;

-- How attempts ended, so that a worker that lost the answer may say it again.
CREATE TABLE finished_leases (
  token TEXT PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs (number),
  outcome BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
  name TEXT PRIMARY KEY,
  compiler_version TEXT NOT NULL,
  last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
