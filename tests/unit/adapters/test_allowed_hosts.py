"""What may be called, at the level of addresses and of sessions."""

import pytest

from tests.support.listeners import listener
from tradebot.adapters.allowed_hosts import AllowedHosts, checked_requests
from tradebot.errors import ConfigError, HostRefused

ALLOWED = AllowedHosts(["https://api.example.com/api/v3", "http://127.0.0.1:8765/api"])


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com",
        "https://api.example.com:443/other?x=1",
        "https://API.example.com/",
        "http://127.0.0.1:8765/",
    ],
)
def test_what_is_on_the_list_may_be_called(address: str) -> None:
    ALLOWED.check(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.example.com/api/v3",
        "https://api.example.com:444/",
        "https://api.example.com:0/",
        "https://api.example.com./",
        "https://api.example.com.evil.example/",
        "https://sub.api.example.com/",
        "https://api.example.com@evil.example/",
        "https://evil.example\\@api.example.com.evil.example/",
        "https://evil.example/?https://api.example.com/",
        "//api.example.com/",
        "ftp://api.example.com/",
        "http://127.0.0.1:8766/",
        "http://127.0.0.2:8765/",
        "https://127.0.0.1:8765/",
        "http://[::1]:8765/",
        "http://[broken",
        "https://api.example.com:port/",
        "",
    ],
)
def test_what_is_not_on_the_list_is_refused_and_the_list_told(address: str) -> None:
    with pytest.raises(HostRefused, match="is not an address that may be called") as caught:
        ALLOWED.check(address)
    assert "those are http://127.0.0.1:8765, https://api.example.com" in caught.value.message


@pytest.mark.parametrize(
    "address",
    ["http://api.example.com", "http://10.0.0.1:8765", "http://127.1", "http://localhost.example"],
)
def test_another_machine_is_called_by_https_alone(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^http://.* is not https$"):
        AllowedHosts([address])


def test_session_of_requests_calls_what_is_allowed_and_nothing_else() -> None:
    with (
        listener() as allowed,
        listener() as other,
        checked_requests(AllowedHosts([allowed.url])) as session,
    ):
        assert session.get(allowed.url, timeout=5).status_code == 200
        with pytest.raises(HostRefused):
            session.post(other.url, timeout=5)
        assert (allowed.seen, other.seen) == (["GET /"], [])


def test_redirect_leads_a_session_of_requests_nowhere_else() -> None:
    with listener() as other, listener(status=307, location=other.url) as allowed:
        session = checked_requests(AllowedHosts([allowed.url]))
        with session, pytest.raises(HostRefused):
            session.get(allowed.url, timeout=5)
        assert other.seen == []
