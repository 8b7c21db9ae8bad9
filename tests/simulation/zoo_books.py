"""Bugs of the gate's tokens, of the journal, and of how books and exchange are compared."""

from decimal import Decimal

from tests.simulation.zoo import Bug
from tradebot.adapters.broker import CcxtBroker
from tradebot.adapters.gate_tokens import GateTokens
from tradebot.adapters.journal import SqliteJournal
from tradebot.engine import (
    apply,
    apply_orders,
    compare,
    compare_orders,
    reconcile,
    remedies,
    sizing,
    valuation,
)
from tradebot.engine.controls import admission, holdings
from tradebot.model.order import ListedOrder, OrderStatus
from tradebot.runtime.guarding import Guard
from tradebot.runtime.reconciling import Reconciler
from tradebot.runtime.session import Session
from tradebot.runtime.trader import Trader

_TOKENS = "tests.unit.adapters.test_gate_tokens"
_COMPARE = "tests.unit.engine.test_compare"
_BROKERS = "tests.contract.test_brokers"
# An order that was refused by the journal, and has filled at the exchange.
_LIVES = ListedOrder(
    order_id="tb-1",
    exchange_id="7",
    market="binance:BTC/USDT",
    filled=Decimal("0.1"),
    is_open=False,
)

BOOK_BUGS = (
    Bug(
        "an event is told before it is on disk",
        (
            (
                Session.record,
                "        self.journal.append(events)\n",
                "        for event, after in told:\n            self._tell(event, after)\n"
                "        self.journal.append(events)\n",
            ),
        ),
        is_quick=True,
    ),
    Bug(
        "a token is good for ever",
        ((GateTokens.take, "if not 0 <= age_ms <= AGE_MS_MAX", "if False"),),
    ),
    Bug(
        "a token is good for any order",
        ((GateTokens.take, "if bound != approved", "if False"),),
        test=(_TOKENS, "test_token_is_bound_to_the_exact_order", "quantity"),
    ),
    Bug(
        "a token is good for two posts",
        ((GateTokens.take, "self._out.pop(approved", "self._out.get(approved"),),
        test=(_TOKENS, "test_token_lets_its_order_leave_once"),
    ),
    Bug(
        "the broker asks for no token",
        (
            (
                CcxtBroker._unsent,
                "reason = self._tokens.take(approved, now_ms=self._clock.now_ms())",
                'reason = ""',
            ),
        ),
        test=(_BROKERS, "test_broker_posts_nothing_without_the_gate_s_token", False),
    ),
    Bug(
        "a writer that was fenced off writes on",
        ((SqliteJournal.append, "if epoch != self.epoch", "if False"),),
    ),
    Bug(
        "more than was asked for is booked as what was asked for",
        ((reconcile.overfilled, "if total > order.quantity", "if False"),),
        test=(
            "tests.unit.runtime.test_session_fills",
            "test_overfill_is_booked_as_it_was_and_halts_trading_in_one_append",
        ),
    ),
    Bug(
        "a difference is adopted though nobody said so",
        (
            (
                remedies.remedied,
                "    if remedy in _LOCKING:\n",
                "    if remedy not in ADJUSTING:\n"
                '        events += adopted(state, difference, at=at, reason="")\n'
                "    if remedy in _LOCKING:\n",
            ),
        ),
        is_quick=True,
    ),
    Bug(
        "a position of which coins were taken is not shrunk",
        ((remedies.remedied, "if remedy in ADJUSTING", "if False"),),
    ),
    Bug(
        "what is short locks nothing",
        ((remedies.remedied, "if remedy in _LOCKING", "if False"),),
        is_quick=True,
    ),
    Bug(
        "one look is enough for a difference",
        ((Reconciler._judge, "now - first >= apart", "True"),),
        is_quick=True,
    ),
    Bug(
        "old balances take a position away",
        (
            (Reconciler._judge, "COINS_APART_MS if each.kind in OF_COINS", "APART_MS if True"),
            (compare.compare_coins, "if market and total < min(", "if False and total < min("),
        ),
    ),
    Bug(
        "balances are compared while orders are in doubt",
        (
            (
                compare.is_settled,
                "order.status in RESTING and sight.open_filled.get(order.id) == order.filled",
                "True",
            ),
        ),
        test=(
            "tests.unit.runtime.test_reconciling",
            "test_balances_do_not_count_while_an_order_is_in_doubt",
        ),
    ),
    Bug(
        "nothing is compared while the bot runs",
        ((Trader._compare, "if self._reconciler is None", "if True"),),
    ),
    Bug(
        "whoever guards a position lifts every lock",
        ((Guard._lift, "if cause == CAUSE and market not in still", "if market not in still"),),
    ),
    Bug(
        "an order that never was there, and lives, is left alone",
        ((compare_orders._kind_of, "if order.status in _NEVER_THERE and", "if False and"),),
        test=(
            _COMPARE,
            "test_order_that_never_was_there_and_lives_halts",
            OrderStatus.REJECTED,
            _LIVES,
        ),
    ),
    Bug(
        "what an entry may still spend is not counted",
        ((valuation.reserved, "total += _remaining_value", "total += 0 * _remaining_value"),),
    ),
    Bug(
        "the limit on one market is forgotten, by its size and by the gate",
        (
            (sizing._caps, "rules.position_ppm_max, held", "rules.exposure_ppm_max, held"),
            (
                holdings.check_holdings,
                "rules.position_ppm_max, held",
                "rules.exposure_ppm_max, held",
            ),
        ),
    ),
    Bug(
        "a candle is decided a few seconds before it closes",
        (
            (
                Trader._decide_closed,
                "self._feed.refresh(now_ms)",
                "self._feed.refresh(now_ms + 5_000)",
            ),
        ),
    ),
    Bug(
        "a locked market takes entries",
        ((admission._lock, "if name == market", "if not name"),),
    ),
    Bug(
        "a fold forgets what was adjusted",
        (
            (
                apply._balance_adjusted,
                "{**state.balances, event.asset: event.after}",
                "dict(state.balances)",
            ),
        ),
    ),
    Bug(
        "a coin that only pays fees becomes a debt",
        (
            (
                apply_orders._book,
                "if coin not in (market.base, market.quote, *balances)",
                "if False",
            ),
        ),
    ),
    Bug(
        "a coin that pays fees is kept while a fill of it is not booked",
        ((compare._fee_coin, "markets=tuple(sorted(state.markets))", "markets=()"),),
        test=(
            "tests.unit.runtime.test_fee_coin_kept",
            "test_fee_coin_is_kept_when_it_was_seen_twice_and_its_markets_told_no_other_fill",
        ),
    ),
)
