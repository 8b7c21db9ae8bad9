"""How fast and how large the program is: one figure a number of the goals, never a test."""
