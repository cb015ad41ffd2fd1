UPDATE jobs SET lease_until = max(lease_until, :lease_until) WHERE state = 'running';
