"""What we decide: pure functions of state and rules; no I/O, no clock, no numpy."""
