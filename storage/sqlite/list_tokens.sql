SELECT id, user, project, note, may_submit, may_work, may_admin, created_at, created_by, expires_at, last_used_at,
       revoked_at
FROM tokens ORDER BY created_at DESC, id;
