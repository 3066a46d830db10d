"""Google's identity services on this machine."""
