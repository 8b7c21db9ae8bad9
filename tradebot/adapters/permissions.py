"""What a key may do, in its exchange's own words: where that is asked, and how it is read.

Law: what an answer does not say in a form that we know is not told. A right that is missing,
malformed or new to us is never taken for one that the key lacks.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tradebot.adapters.redact import plain_text

if TYPE_CHECKING:
    from tradebot.adapters.ccxt_client import CcxtClient

# What an exchange writes, or takes from its owner, where every address may use a key.
EVERYWHERE = frozenset({"*", "0.0.0.0", "0.0.0.0/0", "::", "::/0"})  # noqa: S104  # nothing is bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What a key may do, as its exchange tells it; None = not told.

    `unknown` are rights under names that are new to us, `why` says why nothing could be asked.
    """

    may_trade: bool | None = None
    may_withdraw: bool | None = None
    may_transfer: bool | None = None
    ip_restricted: bool | None = None
    unknown: tuple[str, ...] = ()
    why: str = ""

    @property
    def checked(self) -> bool:
        """Whether the exchange has told everything that can cost the owner his coins."""
        return None not in (self.may_trade, self.may_withdraw, self.may_transfer)


@dataclass(frozen=True, slots=True)
class _Told:
    """Rights by name, what it means that one is absent, and whether addresses are limited."""

    rights: Mapping[str, bool]
    absent: bool | None
    ip_restricted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where an exchange tells what a key may do, and the names of its rights.

    `harmless` moves nothing out of the account.
    """

    method: str
    read: Callable[[Any], _Told]
    trade: frozenset[str]
    withdraw: frozenset[str]
    transfer: frozenset[str]
    harmless: frozenset[str] = field(default_factory=frozenset)

    def permissions(self, answer: object) -> Permissions:
        """Return what an answer tells."""
        try:
            told = self.read(answer)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return Permissions(why="its answer is not of the form that it documents")
        known = self.trade | self.withdraw | self.transfer | self.harmless
        granted = {name for name, is_granted in told.rights.items() if is_granted}
        # They are words of another's, and people are told them.
        unknown = tuple(plain_text(name, length_max=40) for name in sorted(granted - known))[:5]

        def may(names: Iterable[str]) -> bool | None:
            values = [told.rights.get(name, told.absent) for name in names]
            if True in values:
                return True
            # A new right may do what an old one no longer covers.
            return None if unknown or None in values else False

        return Permissions(
            may_trade=may(self.trade),
            may_withdraw=may(self.withdraw),
            may_transfer=may(self.transfer),
            ip_restricted=told.ip_restricted,
            unknown=unknown,
        )


def ask_permissions(client: "CcxtClient") -> Permissions:
    """Return what the exchange tells of the client's key.

    Raises ExchangeUnavailable where it cannot be asked, KeystoreError where it refuses the key.
    """
    import ccxt.async_support as ccxt

    from tradebot.adapters.ccxt_client import read_error

    source = SOURCES.get(client.exchange)
    if source is None:
        return Permissions(why=f"this program knows no way to ask {client.exchange}")
    try:
        try:
            answer = client.call(source.method)
        except ccxt.InvalidNonce:
            answer = client.call(source.method)  # By the time that the refusal has brought.
    except ccxt.NotSupported:
        return Permissions(why=f"{client.exchange} does not tell it on its testnet")
    except ccxt.BaseError as error:
        raise read_error(error, "what the key may do", client.exchange) from error
    return source.permissions(answer)


# --- how answers are read -----------------------------------------------------------------------


def _binance(answer: Any) -> _Told:
    flags = _flags(answer)
    ip_restricted = flags.pop("ipRestrict", None)
    return _Told(flags, None, ip_restricted)


def _coinbase(answer: Any) -> _Told:
    # Its keys may be bound to addresses, but that is not told.
    return _Told(_flags(answer), None, None)


def _bybit(answer: Any) -> _Told:
    result = answer["result"]
    groups: dict[str, object] = result["permissions"]
    rights: dict[str, bool] = {}
    is_whole = {"Spot", "Wallet"} <= groups.keys()
    for group, listed in groups.items():
        names, is_sound = _names(listed)
        rights |= {f"{group}.{name}": True for name in names}
        is_whole &= is_sound
    read_only = result["readOnly"]
    if type(read_only) is not int or read_only not in (0, 1):
        is_whole = False
    elif read_only:
        rights["Spot.SpotTrade"] = False
    return _Told(rights, False if is_whole else None, _are_limited(result.get("ips")))


def _kraken(answer: Any) -> _Told:
    result = answer["result"]
    return _listed(result["permissions"], result.get("ipAllowlist"))


def _okx(answer: Any) -> _Told:
    (entry,) = answer["data"]
    return _listed(_parts(entry["perm"]), _parts(entry.get("ip")))


def _kucoin(answer: Any) -> _Told:
    entry = answer["data"]
    return _listed(_parts(entry["permission"]), _parts(entry.get("ipWhitelist")))


def _flags(answer: Any) -> dict[str, bool]:
    return {name: value for name, value in answer.items() if isinstance(value, bool)}


def _listed(listed: object, addresses: object) -> _Told:
    """Return what a list tells, which names every right that there is."""
    names, is_sound = _names(listed)
    rights = dict.fromkeys(names, True)
    return _Told(rights, False if is_sound else None, _are_limited(addresses))


def _parts(text: object) -> list[str] | None:
    """Return the parts between commas; None for what is no text."""
    if not isinstance(text, str):
        return None
    return [part.strip() for part in text.split(",")] if text.strip() else []


def _names(listed: object) -> tuple[list[str], bool]:
    """Return the names in a list, and whether it holds nothing else."""
    if not isinstance(listed, list):
        return [], False
    names = [name for name in listed if isinstance(name, str)]
    return names, len(names) == len(listed)


def _are_limited(addresses: object) -> bool | None:
    """Return whether a list of addresses keeps any away."""
    names, is_sound = _names(addresses)
    return bool(names) and not EVERYWHERE & set(names) if is_sound else None


# --- the exchanges ------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By each exchange's own documents, read in November 2026.
SOURCES = {
    "binance": _Source(
        method="sapi_get_account_apirestrictions",
        read=_binance,
        trade=_words("enableSpotAndMarginTrading"),
        withdraw=_words("enableWithdrawals"),
        transfer=_words("enableInternalTransfer permitsUniversalTransfer"),
        harmless=_words(
            "enableReading enableMargin enableFutures enableVanillaOptions enableFixApiTrade "
            "enableFixReadOnly enablePortfolioMarginTrading"
        ),
    ),
    "bybit": _Source(
        method="private_get_v5_user_query_api",
        read=_bybit,
        trade=_words("Spot.SpotTrade"),
        # What pays another person takes coins out, too.
        withdraw=_words(
            "Wallet.Withdraw FiatP2P.FiatP2POrder FiatP2P.Advertising FiatBybitPay.FaitPayOrder"
        ),
        transfer=_words(
            "Wallet.AccountTransfer Wallet.SubMemberTransfer Wallet.SubMemberTransferList Earn.Earn"
        ),
        harmless=_words(
            "ContractTrade.Order ContractTrade.Position Options.OptionsTrade "
            "Derivatives.DerivativesTrade CopyTrading.CopyTrading BlockTrade.BlockTrade "
            "Exchange.ExchangeHistory FiatConvertBroker.FiatConvertBrokerOrder "
            "NFT.NFTQueryProductList Affiliate.Affiliate"
        ),
    ),
    "kraken": _Source(
        method="private_post_getapikeyinfo",
        read=_kraken,
        trade=_words("modify-trades"),
        # An address is the first half of a withdrawal.
        withdraw=_words("withdraw-funds add-withdraw-address update-withdraw-address"),
        transfer=_words("earn-funds"),
        harmless=_words(
            "query-funds add-funds query-open-trades query-closed-trades close-trades query-ledger "
            "export-data create-ws-token"
        ),
    ),
    "okx": _Source(
        method="private_get_account_config",
        read=_okx,
        trade=_words("trade"),
        # To one's own accounts there every key that trades may move coins: no right is asked for.
        withdraw=_words("withdraw"),
        transfer=_words("withdraw"),
        harmless=_words("read_only"),
    ),
    "kucoin": _Source(
        method="private_get_user_api_key",
        read=_kucoin,
        trade=_words("Spot"),
        # Until 2025 the right to withdraw was called Transfer.
        withdraw=_words("Withdrawal Transfer"),
        transfer=_words("InnerTransfer FlexTransfers Transfer Earn"),
        harmless=_words("General Margin Futures Unified LeadtradeFutures"),
    ),
    "coinbase": _Source(
        method="v3_private_get_brokerage_key_permissions",
        read=_coinbase,
        trade=_words("can_trade"),
        withdraw=_words("can_transfer"),
        transfer=_words("can_transfer"),
        harmless=_words("can_view"),
    ),
}
