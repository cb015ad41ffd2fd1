INSERT INTO tokens (secret_digest, id, user, project, note, may_submit, may_work, may_admin, created_at, created_by,
                    expires_at)
VALUES (:secret_digest, :id, :user, :project, :note, :may_submit, :may_work, :may_admin, :created_at, :created_by,
        :expires_at)
ON CONFLICT DO NOTHING
RETURNING id;
