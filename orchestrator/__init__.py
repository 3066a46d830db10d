"""The client side: plan a render, fan its chunks out to workers, join what they made."""
