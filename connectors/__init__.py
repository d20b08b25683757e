"""Every wire and every disk: what stands between the factory and its twin. See README.md for the data's way."""
