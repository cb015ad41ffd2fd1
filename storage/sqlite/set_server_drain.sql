UPDATE server_drain SET drained = :drained;
