"""What would have happened: backtests and reports."""
