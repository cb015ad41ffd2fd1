SELECT event FROM events WHERE job = :number AND sequence > :after_sequence ORDER BY sequence LIMIT :limit;
