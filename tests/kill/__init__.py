"""`tradebot kill` under twelve conditions in which everything else is broken."""
