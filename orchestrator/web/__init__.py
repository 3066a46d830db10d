"""The live page of a job: what its report shows, as it happens."""
