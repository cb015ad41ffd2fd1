INSERT INTO audit (time, user, project, token_id, peer, action, subject, details)
VALUES (:time, :user, :project, :token_id, :peer, :action, :subject, :details);
