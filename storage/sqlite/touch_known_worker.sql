UPDATE workers SET last_seen_at = :now, seen_at = :queue_now WHERE name = :name;
