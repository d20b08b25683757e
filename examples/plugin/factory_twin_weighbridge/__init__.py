"""An example of a dialect in a package of its own."""
