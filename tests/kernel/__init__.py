"""The compiled backtest beside the Session: the same fills, fees, refusals and balances."""
