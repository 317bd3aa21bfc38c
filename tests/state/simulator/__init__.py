"""Models of drives, clocks, crashes and PostgreSQL's log, around the real code that keeps a mirror."""
