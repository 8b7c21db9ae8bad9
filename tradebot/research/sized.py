"""How a journalled quantity came about, calculated again line by line.

Law: the numbers are the journal's, the arithmetic is the engine's own rules; a line that does not
come out as it was journalled says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradebot.engine.rules.arithmetic import portion, portion_up
from tradebot.engine.rules.sizes import quantity_by_fraction, quantity_by_risk, scaled
from tradebot.engine.settings import Sizing
from tradebot.model.market import Market, Scale
from tradebot.model.money import MONEY_CONTEXT, parse_decimal, plain, to_ppm, to_units

HUNDRED = Decimal(100)
KEYS = frozenset(
    {"equity", "method", "price", "wanted", "exposure", "capped_by", "room", "quantity"}
)
METHOD_KEYS = {
    Sizing.FRACTION: frozenset({"fraction"}),
    Sizing.RISK: frozenset({"risk_fraction", "stop"}),
    Sizing.VOLATILITY: frozenset({"risk_fraction", "mean_range", "range_multiple"}),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the arithmetic: its name, its result with a unit, and how it came about.

    `fault` is "" where it comes out as the journal has it.
    """

    name: str
    result: Decimal
    unit: str
    how: str
    fault: str = ""


def size_lines(
    size: Mapping[str, str], market: Market, scale: Scale, quantity: Decimal
) -> tuple[Line, ...]:
    """Return the arithmetic of an entry's quantity; empty where the journal does not have it."""
    if not size.keys() >= KEYS or size["method"] not in METHOD_KEYS:
        return ()  # Of a journal older than this, or newer.
    if not size.keys() >= METHOD_KEYS[Sizing(size["method"])]:
        return ()
    numbers = {
        name: parse_decimal(text) for name, text in size.items() if name not in _WORDS and text
    }
    return tuple(_Account(size, numbers, market, scale).lines(quantity))


_WORDS = frozenset({"method", "capped_by"})


class _Account:
    """The arithmetic of one size."""

    def __init__(
        self,
        size: Mapping[str, str],
        numbers: Mapping[str, Decimal],
        market: Market,
        scale: Scale,
    ) -> None:
        self._numbers = numbers
        self._capped_by = size["capped_by"]
        self._method = Sizing(size["method"])
        self._market = market
        self._scale = scale
        self._equity = to_units(numbers["equity"], scale.cash_decimals)
        self._price = scale.price(numbers["price"])

    def lines(self, quantity: Decimal) -> list[Line]:
        """Return all lines; the last one is the quantity of the order."""
        base, quote = self._market.base, self._market.quote
        numbers, scale = self._numbers, self._scale
        money, wanted = self._spent() if self._method is Sizing.FRACTION else self._risked()
        asked = scaled(wanted, to_ppm(numbers["exposure"]), scale.lot)
        room = scale.quantity(numbers["room"])
        took = min(asked, room) if self._capped_by else asked
        limit = f"{self._capped_by} leaves no more" if self._capped_by else "no limit caps it"
        return [
            Line("equity", numbers["equity"], quote, "cash and positions at the last closes"),
            Line("price", numbers["price"], quote, "at which it was sized"),
            *money,
            self._line("wanted", wanted, f"in whole lots of {plain(self._market.step)}"),
            Line(
                "asked",
                scale.quantity_decimal(asked),
                base,
                f"the signal's exposure {plain(numbers['exposure'])} of it",
            ),
            Line("room", numbers["room"], base, limit),
            self._line("quantity", took, "the smaller of the two", ordered=quantity),
        ]

    def _spent(self) -> tuple[list[Line], int]:
        scale, ppm = self._scale, to_ppm(self._numbers["fraction"])
        spent = portion(self._equity, ppm)
        how = f"{_percent(self._numbers['fraction'])} of the equity"
        wanted = quantity_by_fraction(self._equity, ppm, self._price, scale.lot, scale.lot_cash)
        line = Line("to spend", scale.cash_decimal(spent), self._market.quote, how)
        return [line], wanted

    def _risked(self) -> tuple[list[Line], int]:
        scale, numbers, quote = self._scale, self._numbers, self._market.quote
        ppm = to_ppm(numbers["risk_fraction"])
        if self._method is Sizing.RISK:
            stop = scale.price(numbers["stop"])
            how = f"from the price to the stop at {plain(numbers['stop'])}"
        else:
            # As the engine does it: without a range there is no distance, and no size.
            mean, multiple = scale.price(numbers["mean_range"]), numbers["range_multiple"]
            distance = portion_up(mean, to_ppm(multiple))
            stop = max(0, self._price - distance) if distance else self._price
            how = f"{plain(multiple)} mean true ranges of {plain(numbers['mean_range'])}"
        at_risk = scale.cash_decimal(portion(self._equity, ppm))
        part = f"{_percent(numbers['risk_fraction'])} of the equity"
        lines = [
            Line("at risk", at_risk, quote, part),
            Line("distance", scale.price_decimal(self._price - stop), quote, how),
        ]
        wanted = quantity_by_risk(self._equity, ppm, self._price, stop, scale.lot, scale.lot_cash)
        return lines, wanted

    def _line(self, name: str, units: int, how: str, *, ordered: Decimal | None = None) -> Line:
        """Return a line of a quantity, held to what the journal has under its name."""
        made, known = self._scale.quantity_decimal(units), self._numbers[name]
        fault = ""
        if made != known:
            fault = f"the journal has {plain(known)}"
        elif ordered is not None and made != ordered:
            fault = f"the order has {plain(ordered)}"
        return Line(name, made, self._market.base, how, fault)


def _percent(fraction: Decimal) -> str:
    return f"{plain(MONEY_CONTEXT.multiply(fraction, HUNDRED))} %"
