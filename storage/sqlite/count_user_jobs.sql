SELECT queued, running FROM shares WHERE user = :user;
