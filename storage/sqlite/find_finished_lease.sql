SELECT job, outcome FROM finished_leases WHERE token = :token;
