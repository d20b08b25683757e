"""The plant that does not exist: pure, seeded laws of motion."""
