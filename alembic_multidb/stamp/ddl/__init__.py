"""The SQL that turns one schema into another, as far as it can be told from their facts."""
