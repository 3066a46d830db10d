"""Where chunks are rendered: targets, the deployments behind them, their checks and prices."""
