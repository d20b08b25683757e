"""Samples to rows and back: SQLite, PostgreSQL and memory behind the same two ports."""
