SELECT size FROM blob_owners WHERE project = :project AND digest = :digest;
