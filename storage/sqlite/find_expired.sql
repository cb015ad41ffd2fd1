SELECT number, attempts, worker, cancel_requested FROM jobs WHERE state = 'running' AND lease_until <= :now
ORDER BY number;
