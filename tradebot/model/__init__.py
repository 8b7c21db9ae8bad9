"""What things are: frozen values, Decimal where a person could lose, standard library only."""
