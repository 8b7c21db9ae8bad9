"""Asking the exchange about a key that no bot holds: as it is added, checked, or about to trade.

Law: what is refused here is saved nowhere and trades nothing; what is found goes to the audit log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.adapters.audit import AuditKind
from tradebot.adapters.clock import WallClock
from tradebot.adapters.keystore import Keystore
from tradebot.adapters.keystore_file import ALERTS, KeyCheck, Slot
from tradebot.adapters.redact import Secret
from tradebot.errors import (
    ConfigError,
    ExchangeUnavailable,
    KeystoreError,
    NotFoundError,
    TradebotError,
)
from tradebot.runtime import arming
from tradebot.runtime.assemble import LIVE, account_settings
from tradebot.runtime.config import Config
from tradebot.runtime.key_checks import HINT, KeyTerms, described, refusal, untold
from tradebot.runtime.keys import Check
from tradebot.runtime.run_audit import audit_log

if TYPE_CHECKING:
    from tradebot.adapters.permissions import Permissions


def key_terms(config: Config, slot: Slot) -> KeyTerms:
    """Return what is asked of the key of `slot`. Raises JournalError."""

    def note(told: "Permissions") -> None:
        _note(config, slot, described(told))

    if slot.mode != LIVE:
        return KeyTerms(is_real=False, note=note)
    typed = arming.left_out(config, slot.exchange, slot.account, now_ms=WallClock().now_ms())
    return KeyTerms(is_real=True, any_address=arming.ADDRESSES in typed, note=note)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the exchange told of a key, and why the key may not be used; "" = it may."""

    slot: Slot
    told: "Permissions"
    refused: str

    def check(self) -> None:
        """Raise KeystoreError where the key may not be used."""
        if self.refused:
            raise KeystoreError(f"{self.slot.name} is refused: {self.refused}", hint=self.remedy)

    @property
    def warning(self) -> str:
        """What the owner of a key that may be used should hear; "" = nothing."""
        return "" if self.told.checked else _unchecked(self.slot, untold(self.told))

    @property
    def kept(self) -> KeyCheck | None:
        """What is kept of it beside the key; None where the key counts as not checked."""
        if not self.told.checked:
            return None
        return KeyCheck(
            checked_at_ms=WallClock().now_ms(),
            may_trade=self.told.may_trade,
            may_withdraw=self.told.may_withdraw,
            may_transfer=self.told.may_transfer,
            ip_restricted=self.told.ip_restricted,
        )

    @property
    def remedy(self) -> str:
        """What to do about a refusal."""
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
    try:
        told = _ask(config, slot, fields)
    except KeystoreError as error:
        _note(config, slot, error.message)
        raise
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


def checker(config: Config, tell: Callable[[str], None]) -> Check:
    """Return what asks about a key before it is saved; `tell` hears what its owner should know."""

    def check(slot: Slot, fields: Mapping[str, Secret]) -> KeyCheck | None:
        if slot.exchange == ALERTS:
            return None
        try:
            answer = asked(config, slot, fields)
        except ExchangeUnavailable as error:
            hint = "nothing was saved; try again, or save it unchecked with --no-check"
            raise ExchangeUnavailable(error.message, hint=hint) from error
        answer.check()
        if answer.kept is None:
            tell(f"{slot.name}: {untold(answer.told)}.")
        return answer.kept

    return check


@dataclass(frozen=True, slots=True)
class Checked:
    """One key of the keystore, asked about: an answer, or the error that came instead."""

    slot: Slot
    answer: Answer | None
    error: TradebotError | None = None

    @property
    def exit_code(self) -> int:
        """The code that a command ends with for this key alone."""
        if self.error is not None:
            return self.error.exit_code
        return KeystoreError.exit_code if self.answer is not None and self.answer.refused else 0

    @property
    def verdict(self) -> str:
        """The answer in a word or two."""
        if self.answer is None:
            return "not asked"
        if self.answer.refused:
            return "REFUSED"
        return "ok" if self.answer.told.checked else "not checked"

    @property
    def words(self) -> str:
        """What the verdict comes from."""
        if self.error is not None:
            return self.error.message
        assert self.answer is not None, "an answer or an error"
        told = self.answer.told
        return self.answer.refused or (described(told) if told.checked else untold(told))

    @property
    def remedy(self) -> str:
        """What to do about it; "" = nothing."""
        if self.error is not None:
            return self.error.hint
        return self.answer.remedy if self.answer is not None and self.answer.refused else ""


def check_keys(config: Config, store: Keystore, wanted: Slot | None) -> list[Checked]:
    """Ask about the wanted key, or all, and keep what is told; no answer changes nothing.

    Raises KeystoreError where a key is not there, NotFoundError where there is none at all.
    """
    slots = [Slot.parse(name) for name in store.slots()] if wanted is None else [wanted]
    found = []
    for slot in slots:
        if slot.exchange == ALERTS:
            continue
        fields = store.get(slot.name, slot.mode)
        try:
            answer = asked(config, slot, fields)
        except (ExchangeUnavailable, KeystoreError, ConfigError) as error:
            found.append(Checked(slot, None, error))
        else:
            store.set_check(slot.name, slot.mode, answer.kept)
            found.append(Checked(slot, answer))
    if not found:
        raise NotFoundError("the keystore has no key of an exchange", "tradebot keys add binance")
    return found


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


def _note(config: Config, slot: Slot, verdict: str) -> None:
    audit_log(config.paths.logs).record(AuditKind.KEY_CHECKED, key=slot.name, verdict=verdict)
