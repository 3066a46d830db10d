"""What a page tells of itself: messages, exceptions, features in use, played audio."""
