"""Pages that are made of a tree of pieces, drawn from a seed."""
