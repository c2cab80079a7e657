"""``multidb split --method template``: the source is cloned on its server, and what is not at home is dropped."""
