"""Recordings and episodes into files that others can read, and whether such files are what they claim."""
