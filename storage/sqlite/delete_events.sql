DELETE FROM events WHERE job = :number;
