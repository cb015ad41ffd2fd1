SELECT * FROM needs WHERE number IN (SELECT need FROM backlog WHERE queued > 0) ORDER BY number;
