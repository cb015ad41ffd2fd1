-- The newest job of the project with this spec that succeeded under the compiler that the worker seen last would use.
SELECT number FROM jobs
WHERE project = :project AND spec_digest = :spec_digest AND state = 'succeeded' AND answered_from = ''
  AND compiler_version = (SELECT compiler_version FROM workers ORDER BY seen_at DESC LIMIT 1)
ORDER BY number DESC LIMIT 1;
