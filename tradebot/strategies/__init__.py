"""What we believe: a DataFrame of closed candles in, a target exposure out.

Law: nothing here reads a clock, places an order or sees the account.
"""
