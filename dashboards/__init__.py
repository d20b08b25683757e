"""Every face of the twin: web pages and the terminal. See README.md."""

__version__ = "0.1.0"
