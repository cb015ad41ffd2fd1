UPDATE jobs SET leader = :heir, merged_with = (SELECT id FROM jobs WHERE number = :heir) WHERE leader = :leader;
