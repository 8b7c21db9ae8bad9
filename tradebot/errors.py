"""Every exception the program raises, on one page, each with its exit code.

Law: a refusal by the risk gate is a value, not an exception; only surprises are raised.
"""


class TradebotError(Exception):
    """An error for a person: what happened, and in `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TradebotError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class NotFoundError(TradebotError):
    """Nothing of that name is there: no run, no journal, no bot running."""

    exit_code = 3


class KeystoreError(TradebotError):
    """Keys are missing, refused, or the passphrase is wrong."""

    exit_code = 4


class NotGenuine(TradebotError):
    """The exchange library is not the one that was installed: no key is given to it."""

    exit_code = 4


class HostRefused(TradebotError):
    """An address that is not on the list of those that may be called: nothing was sent."""

    exit_code = 5


class ExchangeUnavailable(TradebotError):
    """A read from the exchange failed, after the adapter's bounded retries."""

    exit_code = 5


class Halted(TradebotError):
    """Trading is latched off; only `tradebot resume` lifts it."""

    exit_code = 6


class NotArmed(TradebotError):
    """Real money is not to be traded yet: something of the ladder has not been shown."""

    exit_code = 6


class BooksDisagree(TradebotError):
    """Journal and exchange tell different stories; trading halts until a person looks."""

    exit_code = 6


class NotConfirmed(TradebotError):
    """We acted, and the exchange did not confirm the result."""

    exit_code = 7


class AccountLocked(TradebotError):
    """Another tradebot holds this account."""

    exit_code = 8


class Interrupted(TradebotError):
    """A second Ctrl-C ended the program at once."""

    exit_code = 130


class ConfigError(TradebotError):
    """The configuration is wrong; the message names file, line and key."""

    exit_code = 78


class DataError(TradebotError):
    """A candle file or candle store holds something that is not a candle.

    The message names the row.
    """


class StrategyError(TradebotError):
    """A strategy raised, or returned something that is not an exposure."""


class JournalError(TradebotError):
    """The journal cannot be written or does not verify: trading stops now."""


class InvariantError(TradebotError):
    """Our own bug: crash and keep the journal."""
