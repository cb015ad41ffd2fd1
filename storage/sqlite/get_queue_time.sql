SELECT now FROM queue_clock;
