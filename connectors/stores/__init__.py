"""Samples to rows and back."""
