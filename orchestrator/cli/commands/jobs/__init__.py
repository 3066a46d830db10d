"""Commands for jobs by their ids."""
