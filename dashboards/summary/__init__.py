"""What the pages say of a view, as pure functions: a View goes in, plain JSON values come out."""
