"""The constructs of a stack, one a concern."""
