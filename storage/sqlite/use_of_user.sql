SELECT coalesce((SELECT queued FROM shares WHERE user = :name), 0) AS queued,
       coalesce((SELECT running FROM shares WHERE user = :name), 0) AS running,
       coalesce((SELECT bytes FROM user_blob_usage WHERE user = :name), 0) AS bytes;
