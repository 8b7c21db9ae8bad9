"""What the operator types: parse, call one function, print."""
