"""Where the files of jobs come from, and which of them a worker may read and write."""
