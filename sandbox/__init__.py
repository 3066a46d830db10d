"""Local stand-ins for both clouds, with the real workers behind them."""
