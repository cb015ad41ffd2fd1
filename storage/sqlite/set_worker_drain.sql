UPDATE workers SET drained = :drained WHERE name = :name RETURNING name;
