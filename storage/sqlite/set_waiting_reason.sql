UPDATE needs SET waiting_reason = :reason WHERE number = :number;
