"""``multidb demo``: the whole scenario on an embedded server, by the commands that a user types."""
