"""The factory files that come with the twin: the demo's, the one of `twin new`, and a large plant's, which is made."""
