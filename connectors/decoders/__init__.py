"""Bytes to samples: one file, one dialect."""
