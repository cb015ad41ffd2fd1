SELECT number, time, user, project, token_id, peer, action, subject, details FROM audit
WHERE (:before IS NULL OR number < :before) AND (:since IS NULL OR time >= :since)
  AND (:user IS NULL OR user = :user) AND (:subject IS NULL OR subject = :subject)
  AND (:action IS NULL OR substr(action, 1, length(:action)) = :action)
ORDER BY number DESC LIMIT :limit;
