"""Local stand-ins for both clouds, which run the real workers."""
