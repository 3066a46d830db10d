"""Cases that fail, each with the reason. A case that passes must leave this list."""

PENDING: dict[str, str] = {}
