"""Episodes out of a store: what each asset told is read, cut and judged."""
