-- Limits of users and projects are looked up where jobs are taken and given, and what was changed is kept with the change.

-- Counts by project too: of a user's jobs those of one project may have to wait while others need not.
DROP TRIGGER job_inserted;
DROP TRIGGER job_changed;
DROP TABLE backlog;
DROP INDEX jobs_in_line;
CREATE INDEX jobs_in_line ON jobs (user, need, project, rank, number, not_before) WHERE state = 'queued';

CREATE TABLE backlog (
  user TEXT NOT NULL,
  need INTEGER NOT NULL,
  project TEXT NOT NULL,
  queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
  PRIMARY KEY (user, need, project)
) STRICT, WITHOUT ROWID;
CREATE INDEX backlog_in_line ON backlog (need, user, project) WHERE queued > 0;
CREATE INDEX backlog_by_project ON backlog (project, queued) WHERE queued > 0;

INSERT INTO backlog (user, need, project, queued)
SELECT user, need, project, sum(state = 'queued') FROM jobs GROUP BY user, need, project;

CREATE TRIGGER job_inserted AFTER INSERT ON jobs BEGIN
  INSERT INTO shares (user) VALUES (NEW.user) ON CONFLICT DO NOTHING;
  INSERT INTO backlog (user, need, project) VALUES (NEW.user, NEW.need, NEW.project) ON CONFLICT DO NOTHING;
  UPDATE shares SET queued = queued + (NEW.state = 'queued'), running = running + (NEW.state = 'running')
  WHERE user = NEW.user;
  UPDATE backlog SET queued = queued + (NEW.state = 'queued')
  WHERE user = NEW.user AND need = NEW.need AND project = NEW.project;
END;

CREATE TRIGGER job_changed AFTER UPDATE OF state ON jobs WHEN OLD.state != NEW.state BEGIN
  UPDATE shares
  SET queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
      running = running + (NEW.state = 'running') - (OLD.state = 'running'),
      served = CASE NEW.state WHEN 'running' THEN (SELECT max(served) + 1 FROM shares) ELSE served END
  WHERE user = NEW.user;
  UPDATE backlog SET queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued')
  WHERE user = NEW.user AND need = NEW.need AND project = NEW.project;
END;

-- Who brought the blob to the project; empty: nobody knows.
ALTER TABLE blob_owners ADD COLUMN user TEXT NOT NULL DEFAULT '';

CREATE TABLE user_blob_usage (
  user TEXT PRIMARY KEY,
  blobs INTEGER NOT NULL CHECK (blobs >= 0),
  bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER count_added_blob_of_user AFTER INSERT ON blob_owners WHEN NEW.user != '' BEGIN
  INSERT INTO user_blob_usage VALUES (NEW.user, 1, NEW.size)
    ON CONFLICT DO UPDATE SET blobs = blobs + 1, bytes = bytes + NEW.size;
END;

CREATE TRIGGER count_removed_blob_of_user AFTER DELETE ON blob_owners WHEN OLD.user != '' BEGIN
  UPDATE user_blob_usage SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE user = OLD.user;
END;

-- What was changed, and by whom, each row in the transaction of its change. Only ever added to; old rows go.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time INTEGER NOT NULL,
  user TEXT NOT NULL,
  project TEXT NOT NULL,
  token_id TEXT NOT NULL,
  peer TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;

-- A server that is drained gives no jobs.
CREATE TABLE server_drain (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  drained INTEGER NOT NULL CHECK (drained IN (0, 1))
) STRICT;
INSERT INTO server_drain VALUES (1, 0);
