"""Whole lives of the bot in seeded worlds with faults, and the checker that watches them."""
