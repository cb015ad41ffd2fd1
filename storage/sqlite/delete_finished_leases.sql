DELETE FROM finished_leases WHERE job = :number;
