-- Identical jobs share one run. A job that shares the run of another is running, as that one is, but under a lease that
-- nobody holds and that does not end; it changes with the job that it follows.
ALTER TABLE jobs ADD COLUMN leader INTEGER;
-- The id of the job whose run it shares, or shared when it ended.
ALTER TABLE jobs ADD COLUMN merged_with TEXT NOT NULL DEFAULT '';
-- It shares nobody's run.
ALTER TABLE jobs ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0 CHECK (fresh IN (0, 1));

CREATE INDEX jobs_by_leader ON jobs (leader) WHERE leader IS NOT NULL;
CREATE INDEX jobs_by_open_spec ON jobs (project, spec_digest, number) WHERE state IN ('queued', 'running');
