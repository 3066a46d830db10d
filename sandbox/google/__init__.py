"""Google Cloud's APIs on this machine."""
