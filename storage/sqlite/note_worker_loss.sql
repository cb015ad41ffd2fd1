-- One lost lease may be an accident, and so may two; from the third in a row on the worker rests: 2 s, 4 s, ... 64 s.
UPDATE workers
SET losses = losses + 1,
    rests_until = CASE WHEN losses >= 2 THEN :queue_now + (2000000000 << min(losses - 2, 5)) ELSE 0 END
WHERE name = :name;
