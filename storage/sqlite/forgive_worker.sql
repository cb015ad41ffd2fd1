UPDATE workers SET losses = 0, rests_until = 0 WHERE name = :name AND losses > 0;
