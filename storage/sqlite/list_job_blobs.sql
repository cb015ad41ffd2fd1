SELECT id, spec, result FROM jobs ORDER BY number;
