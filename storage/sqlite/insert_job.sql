INSERT INTO jobs (id, request_id, spec, state, created_at) VALUES (:id, :request_id, :spec, 'queued', :now)
RETURNING number;
