"""The compiled backtest: the Session's decisions over integer columns, in one loop.

Law: no rule is written here: sizes, stops, fills, fees and limits are those of `engine/rules`. What
the loop does not know it refuses by name, and the Session runs instead.
"""
