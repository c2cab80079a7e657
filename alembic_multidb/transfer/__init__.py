"""Moving what databases hold: rows, sequences, indexes and large objects, each step written down in the target."""
