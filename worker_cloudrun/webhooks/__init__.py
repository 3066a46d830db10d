"""A service that signs and sends the webhooks of detached renders, with an identity of its own."""
