"""Money: the one door from float, exact units, and text without exponents."""

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import d
from tradebot.model.money import (
    MONEY_CONTEXT,
    decimals_of,
    floor_to_step,
    from_float,
    from_units,
    parse_decimal,
    plain,
    to_ppm,
    to_units,
    to_units_down,
)

amounts = st.decimals(-(10**12), 10**12, places=18, allow_nan=False, allow_infinity=False)


class OddFloat(float):
    """A float whose repr is not a number, as numpy's is."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)!r})"


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "Infinity", "-inf", "", "1,5", "ten", "1 2", "1_0", " 1", "1\n",
     "\uff11\uff12", "٣", "0x1F", "1e", "e5", ".", "--1", "1e1000", "+", "1.5.2"],
)  # fmt: skip
def test_text_that_is_no_finite_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a number") as caught:
        parse_decimal(text)
    assert str(caught.value).startswith(repr(text))


@pytest.mark.parametrize("text", ["1e999", "1E+41", "-1e41", "1e-41", "0." + "0" * 40 + "1"])
def test_number_that_no_amount_could_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no number that an amount could be$"):
        parse_decimal(text)


def test_endless_number_is_refused_and_not_told_in_full() -> None:
    with pytest.raises(ValueError, match=r"is not a number$") as caught:
        parse_decimal("1" * 100_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["1e40", "-9.9e40", "1e-40", "0", "0E-10", "+1.", ".5"])
def test_number_at_the_bounds_is_taken(text: str) -> None:
    assert parse_decimal(text) == Decimal(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E-7", "0.0000001"),
        ("1E+3", "1000"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("-0.00", "0"),
        ("0E-10", "0"),
        ("-2.50", "-2.5"),
    ],
)
def test_plain_text_has_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert plain(d(value)) == text


@given(amounts)
def test_plain_text_reads_back_as_the_same_amount(value: Decimal) -> None:
    assert parse_decimal(plain(value)) == value


@pytest.mark.parametrize(
    ("value", "decimals"), [("0.0100", 2), ("100", 0), ("1E+2", 0), ("0", 0), ("1E-8", 8)]
)
def test_decimals_of_a_value_are_those_it_needs(value: str, decimals: int) -> None:
    assert decimals_of(d(value)) == decimals


def test_units_are_exact_or_refused() -> None:
    assert to_units(d("1.23"), 2) == 123
    assert to_units(d("-1.2"), 2) == -120
    with pytest.raises(ValueError, match=r"^1\.234 has more than 2 decimals$"):
        to_units(d("1.234"), 2)


def test_units_down_cuts_off_towards_zero() -> None:
    assert to_units_down(d("1.239"), 2) == 123
    assert to_units_down(d("-1.239"), 2) == -123


@given(st.integers(-(10**30), 10**30), st.integers(0, 18))
def test_units_make_the_round_trip(units: int, decimals: int) -> None:
    assert to_units(from_units(units, decimals), decimals) == units


@given(amounts)
def test_an_amount_of_18_decimals_makes_the_round_trip(value: Decimal) -> None:
    assert from_units(to_units(value, 18), 18) == value


def test_a_tiny_quantity_and_a_large_price_go_in_and_come_out() -> None:
    quantity, price = d("0.0000001234"), d("123456789.12345678")
    assert from_units(to_units(quantity, 10), 10) == quantity
    assert from_units(to_units(price, 8), 8) == price
    value = MONEY_CONTEXT.multiply(quantity, price)
    assert plain(value) == "15.234567777834566652"
    assert from_units(to_units(value, 18), 18) == value


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0.1, 8, "0.10000000"),
        (0.125, 2, "0.12"),  # half to even: down
        (0.375, 2, "0.38"),  # half to even: up
        (2.675, 2, "2.68"),  # as it is written, not as its binary neighbour
        (1e22, 0, "10000000000000000000000"),
        (-1.5, 0, "-2"),
    ],
)
def test_float_becomes_money_as_it_is_written(value: float, decimals: int, expected: str) -> None:
    assert str(from_float(value, decimals)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_float_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="is not a finite number"):
        from_float(value, 2)


def test_float_of_a_subclass_is_read_as_its_number() -> None:
    """numpy writes its floats as `np.float64(1.5)`, which is not a number."""
    assert from_float(OddFloat(1.5), 2) == d("1.50")


def test_float_too_large_for_money_is_refused() -> None:
    """Symptom: decimal.InvalidOperation, which no caller expects, for 1e300."""
    with pytest.raises(ValueError, match=r"^1e\+300 is too large$"):
        from_float(1e300, 8)


@pytest.mark.parametrize(
    ("value", "step", "floor"),
    [
        ("1.0009", "0.001", "1"),
        ("0.0009", "0.001", "0"),
        ("0.001", "0.001", "0.001"),
        ("7", "2.5", "5"),
        ("0", "0.1", "0"),
    ],
)
def test_floor_to_step_never_rises(value: str, step: str, floor: str) -> None:
    assert floor_to_step(d(value), d(step)) == d(floor)


def test_floor_to_step_does_not_round_up_in_a_narrow_context() -> None:
    """Symptom: 9.99...9 of 31 digits became 10 under Python's default 28 digits."""
    with decimal.localcontext(decimal.Context(prec=28)):
        assert floor_to_step(d("9." + "9" * 30), d(1)) == d(9)


def test_fraction_finer_than_one_ppm_is_refused() -> None:
    assert to_ppm(d("0.02")) == 20_000
    with pytest.raises(ValueError, match="has more than 6 decimals"):
        to_ppm(d("0.0000001"))


def test_float_that_meets_money_is_an_error() -> None:
    with decimal.localcontext(MONEY_CONTEXT), pytest.raises(decimal.FloatOperation):
        Decimal(0.1)  # noqa: RUF032 - the float is the point
