"""Workers on Google Cloud Run: their configuration, and provisioning a project."""
