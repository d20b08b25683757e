"""Arms beside what is expected of them: fits read from the store, and a process that publishes as devices do."""
