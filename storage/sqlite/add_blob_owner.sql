INSERT INTO blob_owners (project, digest, size, user) VALUES (:project, :digest, :size, :user) ON CONFLICT DO NOTHING
RETURNING digest;
