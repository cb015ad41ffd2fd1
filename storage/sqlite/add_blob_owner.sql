INSERT INTO blob_owners (project, digest, size) VALUES (:project, :digest, :size) ON CONFLICT DO NOTHING;
