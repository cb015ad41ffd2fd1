SELECT spec FROM jobs WHERE number = :number;
