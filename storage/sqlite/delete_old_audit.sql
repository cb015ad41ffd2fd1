-- Looks at the oldest only: there is no index by time.
DELETE FROM audit
WHERE number IN (SELECT number FROM (SELECT number, time FROM audit ORDER BY number LIMIT :limit) WHERE time < :time)
RETURNING number;
