"""How a history begins on a schema that came from somewhere else: a stamp that proves itself."""
