-- Whoever has a valid token, had jobs or has blobs.
WITH valid AS (SELECT user, project FROM tokens
               WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now))
SELECT name,
       (SELECT count(*) FROM valid WHERE user = name) AS valid_tokens,
       (SELECT max(last_used_at) FROM tokens WHERE user = name) AS last_used_at,
       (SELECT group_concat(project, char(10))
        FROM (SELECT project FROM valid WHERE user = name
              UNION SELECT project FROM backlog WHERE user = name ORDER BY project)) AS projects
FROM (SELECT user AS name FROM valid UNION SELECT user FROM shares
      UNION SELECT user FROM user_blob_usage WHERE blobs > 0)
ORDER BY name;
