SELECT * FROM job_rows WHERE number = :number;
