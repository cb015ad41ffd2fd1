UPDATE workers SET last_seen_at = :now WHERE name = :name;
