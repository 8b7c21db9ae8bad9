"""tradebot.

A crypto trading bot that loses no order, stops when told, and trades live what it backtests.
"""

__version__ = "0.1.0"
