SELECT project, digest, size FROM blob_owners ORDER BY digest, project;
