SELECT capabilities FROM workers WHERE seen_at >= :since AND drained = 0;
