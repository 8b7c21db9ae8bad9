"""Integer fractions and roundings that cannot overflow 64 bits where the amount itself fits."""

PPM = 1_000_000


def portion(amount: int, ppm: int) -> int:
    """Return `ppm` parts per million of `amount`, rounded down."""
    # Split first: the plain product overflows 64 bits for amounts above 9.2e12.
    return amount // PPM * ppm + amount % PPM * ppm // PPM


def portion_up(amount: int, ppm: int) -> int:
    """Return `ppm` parts per million of `amount`, rounded up."""
    return amount // PPM * ppm + (amount % PPM * ppm + PPM - 1) // PPM


def floor_to(amount: int, unit: int) -> int:
    """Return the largest multiple of `unit` that is not above `amount`."""
    return amount // unit * unit


def ceil_to(amount: int, unit: int) -> int:
    """Return the smallest multiple of `unit` that is not below `amount`."""
    return (amount + unit - 1) // unit * unit
