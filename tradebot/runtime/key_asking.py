"""Asking the exchange about a key that no bot holds: as it is added, checked, or about to trade.

Law: what is refused here is saved nowhere and trades nothing; what is found goes to the audit log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.adapters.audit import AuditKind
from tradebot.adapters.clock import WallClock
from tradebot.adapters.keystore_file import Slot
from tradebot.adapters.redact import Secret
from tradebot.errors import ExchangeUnavailable, KeystoreError
from tradebot.runtime import arming
from tradebot.runtime.assemble import LIVE, account_settings
from tradebot.runtime.config import Config
from tradebot.runtime.key_checks import HINT, KeyTerms, described, refusal, untold
from tradebot.runtime.run_audit import audit_log

if TYPE_CHECKING:
    from tradebot.adapters.permissions import Permissions


def key_terms(config: Config, slot: Slot) -> KeyTerms:
    """Return what is asked of the key of `slot`. Raises JournalError."""
    if slot.mode != LIVE:
        return KeyTerms(is_real=False, note=lambda told: _note(config, slot, told))
    typed = arming.left_out(config, slot.exchange, slot.account, now_ms=WallClock().now_ms())
    return KeyTerms(
        is_real=True,
        any_address=arming.ADDRESSES in typed,
        note=lambda told: _note(config, slot, told),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange told of a key, and why the key may not be used; "" = it may."""

    slot: Slot
    told: "Permissions"
    refused: str

    def check(self) -> None:
        """Raise KeystoreError where the key may not be used."""
        if self.refused:
            raise KeystoreError(f"{self.slot.name} is refused: {self.refused}", hint=self._remedy())

    @property
    def warning(self) -> str:
        """What the owner of a key that may be used should hear; "" = nothing."""
        return "" if self.told.checked else _unchecked(self.slot, untold(self.told))

    def _remedy(self) -> str:
        told = self.told
        if told.may_withdraw or told.may_transfer or told.may_trade is False:
            return HINT
        if not told.checked:
            return "without the exchange's word a key trades no real money"
        return (
            "list this machine's address for the key at the exchange, or type what it means: "
            f"`tradebot arm --override {arming.ADDRESSES}`"
        )


def asked(config: Config, slot: Slot, fields: Mapping[str, Secret]) -> Answer:
    """Ask the exchange what a key may do.

    Raises ExchangeUnavailable where nobody answers, KeystoreError where the key itself is refused.
    """
    terms = key_terms(config, slot)
    told = _ask(config, slot, fields)
    terms.note(told)
    return Answer(slot, told, refusal(told, terms))


def check_at_start(
    config: Config, slot: Slot, fields: Mapping[str, Secret]
) -> tuple[KeyTerms, str]:
    """Ask what a key may do that is about to trade; return what it is held to, and a warning.

    Raises KeystoreError where it may not be used, and ExchangeUnavailable before real money; on a
    testnet an exchange that does not answer is a warning.
    """
    terms = key_terms(config, slot)
    try:
        answer = asked(config, slot, fields)
    except ExchangeUnavailable as error:
        if terms.is_real:
            raise
        return terms, _unchecked(slot, error.message)
    answer.check()
    return terms, answer.warning


def _unchecked(slot: Slot, why: str) -> str:
    return f"{slot.name} counts as not checked: {why}; give it no right to withdraw"


def _ask(config: Config, slot: Slot, fields: Mapping[str, Secret]) -> "Permissions":
    from tradebot.adapters.ccxt_client import CcxtClient
    from tradebot.adapters.permissions import ask_permissions

    clock = WallClock()
    texts = {name: secret.reveal() for name, secret in fields.items()}
    settings = account_settings(
        config, clock, mode=slot.mode, key=texts.get("api_key", ""), secret=texts.get("secret", "")
    )
    if slot.exchange != config.exchange.id:
        # Proxies are of this machine, addresses of the exchange that is configured.
        reached = {name: each for name, each in settings.passthrough.items() if name != "urls"}
        settings = replace(settings, exchange=slot.exchange, passthrough=reached)
    client = CcxtClient(replace(settings, password=texts.get("passphrase", "")))
    try:
        return ask_permissions(client)
    finally:
        client.close()


def _note(config: Config, slot: Slot, told: "Permissions") -> None:
    audit_log(config.paths.logs).record(
        AuditKind.KEY_CHECKED, key=slot.name, verdict=described(told)
    )
