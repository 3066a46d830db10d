"""What a stack is composed of, one construct a concern."""
