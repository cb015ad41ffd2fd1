-- Those of valid tokens, and those that had jobs or have blobs.
SELECT project AS name FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
UNION SELECT project FROM backlog
UNION SELECT project FROM blob_usage WHERE blobs > 0
ORDER BY name;
