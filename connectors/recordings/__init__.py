"""Recordings: named by rule, written to files and read again, put into a store, sent to a broker."""
