"""Quality of what a store holds: episodes are read, assessed one by one, and as a set."""
