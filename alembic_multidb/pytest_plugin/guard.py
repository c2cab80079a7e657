"""Watches an application's statements in a test: one database per transaction block, every statement in its home."""
