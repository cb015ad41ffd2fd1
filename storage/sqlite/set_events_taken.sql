UPDATE jobs SET events_taken = :events_taken WHERE number = :number;
