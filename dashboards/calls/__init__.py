"""What pages and programs ask over HTTP: one module a subject, plain functions over a view."""
