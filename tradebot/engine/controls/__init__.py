"""The controls of the risk gate, by what they look at; `engine.risk` asks them in order.

Law: a control is a pure function of state, intent and rules: no clock, no file, no network. It
returns the refusal that names it, its limit and the value that broke it, or None.
"""
