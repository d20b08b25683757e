"""VDA 5050 in parts: what the standard asks (rules), one model of all versions (model), and what changed (changes)."""
