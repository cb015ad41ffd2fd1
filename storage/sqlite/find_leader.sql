SELECT leader, merged_with FROM jobs WHERE number = :number AND leader IS NOT NULL;
