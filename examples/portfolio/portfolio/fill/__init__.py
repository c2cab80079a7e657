"""Rows and documents for the database that holds everything: ``python -m portfolio.fill``."""
