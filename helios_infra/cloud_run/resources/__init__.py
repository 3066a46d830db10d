"""The resources that are deployed: bucket, service, job, and access to them."""
