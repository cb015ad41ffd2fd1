UPDATE queue_clock SET now = :queue_now;
