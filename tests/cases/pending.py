"""Cases that fail, each with the reason. A case that passes must leave this list."""

PENDING: dict[str, str] = {
    "film-from-a-media-source": "a video that plays from a MediaSource stays where it is",
}
