"""A world of our own: a local exchange that speaks Binance spot, on real or synthetic candles."""
