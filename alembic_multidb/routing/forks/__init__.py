"""A shared history taken apart: each database gets files of its own, which say the same."""
