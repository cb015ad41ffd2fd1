SELECT drained FROM server_drain;
