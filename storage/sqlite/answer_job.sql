-- The job has the result of another, without having run.
UPDATE jobs
SET state = 'succeeded', result = :result, answered_from = :answered_from, compiler_version = :compiler_version,
    finished_at = :now, ended_at = :queue_now
WHERE number = :number;
