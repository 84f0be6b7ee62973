"""Language workers: processes that run the users' handlers."""
