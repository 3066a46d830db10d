"""Reports of jobs: what happened when, where time and money went, and pictures, in one file."""
