UPDATE tokens SET revoked_at = coalesce(revoked_at, :now) WHERE id = :id
RETURNING id, user, project, note, may_submit, may_work, may_admin, created_at, created_by, expires_at, last_used_at,
          revoked_at;
