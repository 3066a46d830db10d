"""Workers on Google Cloud Run: what is asked for, and how a project is brought to it."""
