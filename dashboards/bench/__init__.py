"""Whole processes measured: `twin bench ingest` and `twin bench latency`."""
