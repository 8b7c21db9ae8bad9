"""The integer text of every trading rule, shared by the live Session and the compiled kernel.

Law: scalar functions of integers only: no objects, no floats, no strings, no exceptions; amounts
are non-negative magnitudes, fractions are parts per million, every rounding goes against the owner.
A test compiles every function here with numba and compares it with plain Python.
"""
