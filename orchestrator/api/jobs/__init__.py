"""Jobs by their ids, wherever they run: finding, following, controlling and reading them."""
