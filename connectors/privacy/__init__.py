"""What is taken out of a dataset before it leaves the hub: who it was, which part it was, when it was."""
