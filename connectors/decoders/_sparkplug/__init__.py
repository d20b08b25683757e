"""Sparkplug B 3.0 without any I/O: wire form, values, topics, names, and the host's state machine."""
