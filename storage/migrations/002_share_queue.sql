-- Users share the queue. "Queue time" is nanoseconds that the queue has been open, over all of the server's runs: it
-- stands still while there is no server and knows no jumps of the clock. Leases, ranks and rests are told in it.
CREATE TABLE queue_clock (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  now INTEGER NOT NULL
) STRICT;
INSERT INTO queue_clock VALUES (1, 0);

-- What jobs ask of workers; few, since most jobs ask alike. Number 1 asks for nothing.
CREATE TABLE needs (
  number INTEGER PRIMARY KEY,
  cpus INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  gpus INTEGER NOT NULL,
  -- Sorted, one a line.
  labels TEXT NOT NULL,
  -- Why no worker could take these jobs now; empty if one could.
  waiting_reason TEXT NOT NULL DEFAULT '',

  UNIQUE (cpus, memory_bytes, gpus, labels)
) STRICT;
INSERT INTO needs (number, cpus, memory_bytes, gpus, labels) VALUES (1, 0, 0, 0, '');

ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT 'local';
ALTER TABLE jobs ADD COLUMN project TEXT NOT NULL DEFAULT 'default';
-- joinery.v1.JobOptions.
ALTER TABLE jobs ADD COLUMN options BLOB NOT NULL DEFAULT x'';
ALTER TABLE jobs ADD COLUMN need INTEGER NOT NULL DEFAULT 1;
-- Queue time of submission less what the priority is worth: a user's job of the lowest rank is the next.
ALTER TABLE jobs ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
-- Queue time. The job rests until then.
ALTER TABLE jobs ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
-- The deadline, as the clock has it and in queue time.
ALTER TABLE jobs ADD COLUMN deadline INTEGER;
ALTER TABLE jobs ADD COLUMN expires_at INTEGER;
-- How long an attempt may take, if the submission says so; and the queue time at which the running one is stopped.
ALTER TABLE jobs ADD COLUMN max_attempt INTEGER;
ALTER TABLE jobs ADD COLUMN attempt_until INTEGER;
-- Queue time of the end, from which the time that jobs are kept counts.
ALTER TABLE jobs ADD COLUMN ended_at INTEGER;
ALTER TABLE jobs ADD COLUMN array_id TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN array_index INTEGER NOT NULL DEFAULT 0;
-- SHA-256 of the spec: jobs with the same have the same result.
ALTER TABLE jobs ADD COLUMN spec_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN answered_from TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN compiler_version TEXT NOT NULL DEFAULT '';
-- A joinery.v1.Job that has nothing but attempt_log.
ALTER TABLE jobs ADD COLUMN attempt_log BLOB NOT NULL DEFAULT x'';
-- How many of the attempt's events were kept.
ALTER TABLE jobs ADD COLUMN events_taken INTEGER NOT NULL DEFAULT 0;
-- Whether the job's history says that no worker can take it.
ALTER TABLE jobs ADD COLUMN told_waiting INTEGER NOT NULL DEFAULT 0;

-- Every project has its own request ids.
UPDATE jobs SET request_id = 'default' || char(10) || request_id;
UPDATE jobs SET ended_at = 0 WHERE finished_at IS NOT NULL;

ALTER TABLE workers ADD COLUMN capabilities BLOB NOT NULL DEFAULT x'';
ALTER TABLE workers ADD COLUMN drained INTEGER NOT NULL DEFAULT 0 CHECK (drained IN (0, 1));
-- Queue time.
ALTER TABLE workers ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
-- Leases lost in a row. A worker that dies of whatever it is given must not use up the attempts of many jobs.
ALTER TABLE workers ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN rests_until INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_in_line ON jobs (user, need, rank, number, not_before) WHERE state = 'queued';
CREATE INDEX jobs_of_user_in_line ON jobs (user, rank, number) WHERE state = 'queued';
CREATE INDEX jobs_untold ON jobs (need, number) WHERE state = 'queued' AND told_waiting = 0;
CREATE INDEX jobs_by_expiry ON jobs (expires_at) WHERE state = 'queued' AND expires_at IS NOT NULL;
CREATE INDEX jobs_by_project ON jobs (project, number);
CREATE INDEX jobs_by_project_and_state ON jobs (project, state, number);
CREATE INDEX jobs_by_array ON jobs (array_id, number) WHERE array_id != '';
CREATE INDEX jobs_by_spec ON jobs (project, spec_digest, number) WHERE state = 'succeeded' AND answered_from = '';
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX finished_leases_by_job ON finished_leases (job);

-- Counts that the triggers below keep: of each user, and of each user's queued jobs by need.
CREATE TABLE shares (
  user TEXT PRIMARY KEY,
  queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
  running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
  -- Grows with every lease: whose is lowest was served longest ago.
  served INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_served ON shares (served);
CREATE INDEX shares_in_line ON shares (user, queued) WHERE queued > 0;

CREATE TABLE backlog (
  user TEXT NOT NULL,
  need INTEGER NOT NULL,
  queued INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
  PRIMARY KEY (user, need)
) STRICT, WITHOUT ROWID;
CREATE INDEX backlog_in_line ON backlog (need, user) WHERE queued > 0;

INSERT INTO shares (user, queued, running)
SELECT user, sum(state = 'queued'), sum(state = 'running') FROM jobs GROUP BY user;
INSERT INTO backlog (user, need, queued) SELECT user, need, sum(state = 'queued') FROM jobs GROUP BY user, need;

CREATE TRIGGER job_inserted AFTER INSERT ON jobs BEGIN
  INSERT INTO shares (user) VALUES (NEW.user) ON CONFLICT DO NOTHING;
  INSERT INTO backlog (user, need) VALUES (NEW.user, NEW.need) ON CONFLICT DO NOTHING;
  UPDATE shares SET queued = queued + (NEW.state = 'queued'), running = running + (NEW.state = 'running')
  WHERE user = NEW.user;
  UPDATE backlog SET queued = queued + (NEW.state = 'queued') WHERE user = NEW.user AND need = NEW.need;
END;

CREATE TRIGGER job_changed AFTER UPDATE OF state ON jobs WHEN OLD.state != NEW.state BEGIN
  UPDATE shares
  SET queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
      running = running + (NEW.state = 'running') - (OLD.state = 'running'),
      served = CASE NEW.state WHEN 'running' THEN (SELECT max(served) + 1 FROM shares) ELSE served END
  WHERE user = NEW.user;
  UPDATE backlog SET queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued')
  WHERE user = NEW.user AND need = NEW.need;
END;

-- What is told of a job. queue_position: of the user's own jobs those before it, and as many of every other user's.
CREATE VIEW job_rows AS
SELECT jobs.*,
       CASE jobs.state WHEN 'queued' THEN
         (SELECT own + coalesce((SELECT sum(min(shares.queued, own)) FROM shares
                                 WHERE shares.queued > 0 AND shares.user != jobs.user), 0)
          FROM (SELECT count(*) AS own
                FROM (SELECT 1 FROM jobs AS ahead
                      WHERE ahead.state = 'queued' AND ahead.user = jobs.user
                        AND (ahead.rank, ahead.number) < (jobs.rank, jobs.number) LIMIT 1000)))
       ELSE 0 END AS queue_position,
       CASE jobs.state WHEN 'queued' THEN (SELECT waiting_reason FROM needs WHERE needs.number = jobs.need)
       ELSE '' END AS waiting_reason
FROM jobs;
