"""Where messages come from: one file, one kind of source."""
