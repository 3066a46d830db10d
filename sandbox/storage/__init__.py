"""Local object stores."""
