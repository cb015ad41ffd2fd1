SELECT 1 AS found FROM pending_work WHERE name = :name;
