"""Mutation testing: what stands between an opinion and the exchange, changed a bit at a time."""
