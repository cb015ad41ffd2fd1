SELECT project, blobs, bytes FROM blob_usage WHERE (:project IS NULL OR project = :project) AND blobs > 0 ORDER BY project;
