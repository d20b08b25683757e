"""Measuring: a load, and the limit that it is held against in the same run."""
