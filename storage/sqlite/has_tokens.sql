SELECT EXISTS (SELECT 1 FROM tokens) AS any_token;
