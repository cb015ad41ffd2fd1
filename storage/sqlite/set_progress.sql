UPDATE jobs SET progress = :progress WHERE number = :number;
