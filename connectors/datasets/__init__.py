"""Datasets that lie on a disk, this hub's and others': read, checked, imported, packed together."""
