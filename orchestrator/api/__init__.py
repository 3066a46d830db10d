"""The public Python API, and what the command line is a thin layer over."""
