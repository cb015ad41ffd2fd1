SELECT number, project, spec, result FROM jobs WHERE number > :after ORDER BY number LIMIT :limit;
