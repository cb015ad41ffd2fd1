SELECT name, compiler_version, capabilities, drained, last_seen_at,
       (SELECT id FROM jobs WHERE state = 'running' AND leader IS NULL AND worker = name ORDER BY number DESC LIMIT 1) AS job_id
FROM workers WHERE seen_at >= :since ORDER BY name;
