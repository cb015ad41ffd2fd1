DELETE FROM pending_work WHERE name = :name;
