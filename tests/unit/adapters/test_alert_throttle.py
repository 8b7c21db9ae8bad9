"""The throttle: the phone rings ten times a minute at most, and nothing is lost uncounted."""

from hypothesis import given
from hypothesis import strategies as st

from tradebot.adapters.alert_channels import Message
from tradebot.adapters.alert_throttle import MESSAGES_A_WINDOW_MAX, WINDOW_MS, Throttle
from tradebot.ports import AlertLevel

MINUTE = 60_000


def said(text: str, level: AlertLevel = AlertLevel.INFO) -> Message:
    return Message(level, "fill", text)


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def test_messages_go_out_at_once_while_there_are_few() -> None:
    throttle = Throttle()
    assert [texts(throttle.offer(said(f"fill {n}"), n)) for n in range(8)] == [
        [f"fill {n}"] for n in range(8)
    ]
    assert throttle.flush() == []


def test_what_is_too_much_waits_and_comes_as_one_digest() -> None:
    throttle = Throttle()
    for n in range(8):
        throttle.offer(said(f"fill {n}"), 0)
    assert throttle.offer(said("fill 8"), 1) == []
    assert throttle.offer(said("halted", AlertLevel.ERROR), 2) == []
    assert throttle.due(MINUTE - 1) == []
    (digest,) = throttle.due(MINUTE)
    assert digest == Message(
        AlertLevel.ERROR, "digest", "2 alerts in one message:\n- halted\n- fill 8"
    )
    assert throttle.due(MINUTE) == []


def test_one_message_that_waited_comes_as_it_was() -> None:
    throttle = Throttle()
    for n in range(9):
        throttle.offer(said(f"fill {n}"), 0)
    assert throttle.due(MINUTE) == [said("fill 8")]


def test_two_of_the_ten_are_kept_for_critical_messages() -> None:
    throttle = Throttle()
    for n in range(20):
        throttle.offer(said(f"fill {n}"), 0)
    first, second, third = (said(f"HALTED {n}", AlertLevel.CRITICAL) for n in range(3))
    assert [throttle.offer(each, 1) for each in (first, second, third)] == [[first], [second], []]


def test_the_same_text_goes_out_once_a_minute_and_is_counted() -> None:
    throttle = Throttle()
    assert texts(throttle.offer(said("exchange is down"), 0)) == ["exchange is down"]
    for at in (1, 2, MINUTE - 1):
        assert throttle.offer(said("exchange is down"), at) == []
    assert texts(throttle.due(MINUTE)) == ["exchange is down (3 more times)"]
    assert texts(throttle.offer(said("exchange is down"), MINUTE + 1)) == ["exchange is down"]


def test_the_same_text_of_another_level_is_another_message() -> None:
    throttle = Throttle()
    throttle.offer(said("stopped"), 0)
    assert throttle.offer(said("stopped", AlertLevel.ERROR), 0) != []


def test_a_long_digest_shows_the_gravest_lines_and_counts_the_rest() -> None:
    throttle = Throttle()
    for n in range(8 + 29):
        throttle.offer(said(f"fill {n} " + "x" * 300), 0)
    throttle.offer(said("stop", AlertLevel.WARNING), 0)
    (digest,) = throttle.due(MINUTE)
    lines = digest.text.split("\n")
    assert lines[0] == "30 alerts in one message:"
    assert lines[1] == "- stop"
    assert lines[-1] == "and 10 more: see the log"
    assert len(lines) == 22
    assert max(map(len, lines)) == 202


def test_what_waits_is_bounded_and_the_rest_is_counted() -> None:
    throttle = Throttle()
    for n in range(8 + 1000 + 5):
        throttle.offer(said(f"fill {n}"), 0)
    (digest,) = throttle.due(MINUTE)
    assert digest.text.startswith("1005 alerts in one message:")
    assert digest.text.endswith("and 985 more: see the log")


def test_the_last_call_brings_out_all_that_waits() -> None:
    throttle = Throttle()
    for n in range(10):
        throttle.offer(said(f"fill {n}"), 0)
    throttle.offer(said("fill 0"), 0)
    (digest,) = throttle.flush()
    assert digest.text == ("3 alerts in one message:\n- fill 8\n- fill 9\n- fill 0 (1 more time)")
    assert not throttle.is_holding


def test_it_says_whether_time_alone_will_bring_something_out() -> None:
    throttle = Throttle()
    throttle.offer(said("fill"), 0)
    assert not throttle.is_holding
    throttle.offer(said("fill"), 1)
    assert throttle.is_holding
    throttle.due(MINUTE)
    assert not throttle.is_holding


def test_a_clock_that_goes_back_does_not_silence_it() -> None:
    throttle = Throttle()
    for n in range(8):
        throttle.offer(said(f"fill {n}"), 100 * MINUTE)
    assert texts(throttle.offer(said("fill 8"), 0)) == ["fill 8"]
    throttle.offer(said("fill 0"), 1)
    assert "fill 0 (1 more time)" in texts(throttle.due(MINUTE + 1))[0]


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 5), st.sampled_from(AlertLevel))))
def test_no_minute_has_more_than_ten_messages_and_none_is_lost(
    offers: list[tuple[int, int, AlertLevel]],
) -> None:
    throttle = Throttle()
    now_ms, out_at, out = 0, [], []
    for wait_ms, n, level in offers:
        now_ms += wait_ms
        for message in throttle.offer(said(str(n), level), now_ms):
            out_at.append(now_ms)
            out.append(message)
    for at in out_at:
        window = [other for other in out_at if at <= other < at + WINDOW_MS]
        assert len(window) <= MESSAGES_A_WINDOW_MAX
    shown = "\n".join(message.text for message in [*out, *throttle.flush()])
    assert all(str(n) in shown for _, n, _ in offers)
