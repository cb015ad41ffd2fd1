INSERT INTO finished_leases (token, job, outcome) VALUES (:token, :number, :outcome);
