INSERT INTO jobs (id, request_id, user, project, spec, spec_digest, options, need, rank, max_attempt, deadline, expires_at,
                  array_id, array_index, fresh, state, created_at)
VALUES (:id, :request_id, :user, :project, :spec, :spec_digest, :options, :need, :rank, :max_attempt, :deadline,
        :expires_at, :array_id, :array_index, :fresh, 'queued', :now)
RETURNING number;
