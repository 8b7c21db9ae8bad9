"""The weighted vote: who votes what, how it is counted, and every bar it must clear."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.support.frames import constant, from_closes, random_walk
from tests.support.shared_data import BTC_1H, real_candles
from tradebot.strategies import vote
from tradebot.strategies.base import checked_exposure, last_signal
from tradebot.strategies.vote import Ballot, Vote, VoteParams

PARAMS = VoteParams()
WARMUP = Vote().warmup(PARAMS)
VOTERS = ("sma", "rsi", "macd", "bollinger", "stochastic")
WALK = random_walk(51, 4000)


def only(voter: str, **others: float) -> VoteParams:
    """Return parameters under which one voter has all the weight."""
    weights = {f"weight_{name}": 1.0 if name == voter else 0.0 for name in VOTERS}
    return dataclasses.replace(PARAMS, **weights, **others)


def ballot(weight: float, direction: float, confidence: float) -> Ballot:
    return Ballot("one", weight, np.array([direction]), np.array([confidence]), {})


def counted(*ballots: Ballot, busy: bool = False, params: VoteParams = PARAMS) -> vote.Count:
    """Count one candle's ballots; `params.volume_period` must be 2."""
    table = pd.DataFrame({"volume": [0.0, 10.0] if busy else [10.0, 10.0]})
    two = [
        dataclasses.replace(
            one, direction=np.repeat(one.direction, 2), confidence=np.repeat(one.confidence, 2)
        )
        for one in ballots
    ]
    return vote._count(tuple(two), table, dataclasses.replace(params, volume_period=2))


def test_the_warmup_is_at_least_the_fifty_candles_the_slow_mean_needs() -> None:
    assert WARMUP >= 50
    assert Vote().warmup(dataclasses.replace(PARAMS, candles_min=900)) == 900


def test_fewer_than_fifty_candles_are_held() -> None:
    assert last_signal(Vote(), WALK.iloc[:49], PARAMS).exposure_ppm is None


def test_the_score_is_the_weighted_mean_of_all_votes() -> None:
    # Weights sum to 1: 0.25 * 0.8 + 0.25 * 0.6 - 0.2 * 0.5 = 0.25.
    count = counted(ballot(0.25, 1, 0.8), ballot(0.25, 1, 0.6), ballot(0.2, -1, 0.5))
    assert count.score[-1] == pytest.approx(0.25)
    assert count.leaning[-1] == vote.HOLD


def test_the_confidence_is_the_weighted_mean_of_the_winners() -> None:
    # (0.25 * 1.0 + 0.2 * 0.55) / 0.45, whatever the losing side thinks.
    count = counted(ballot(0.25, -1, 1.0), ballot(0.2, -1, 0.55), ballot(0.15, 1, 0.1))
    assert count.score[-1] == pytest.approx(-0.345)
    assert count.confidence[-1] == pytest.approx(0.36 / 0.45)
    assert count.decision[-1] == vote.SELL


def test_a_score_under_the_bar_is_held_and_one_on_it_is_not() -> None:
    assert counted(ballot(0.3, 1, 1.0)).decision[-1] == vote.BUY
    assert counted(ballot(0.2999, 1, 1.0)).decision[-1] == vote.HOLD
    # 0.1 + 0.2 is not 0.3 to a float; it is to us.
    assert counted(ballot(0.1, 1, 1.0), ballot(0.2, 1, 1.0)).decision[-1] == vote.BUY
    assert counted(ballot(0.3, -1, 1.0)).decision[-1] == vote.SELL


def test_a_confidence_under_the_bar_is_held_and_one_on_it_is_not() -> None:
    low, on = counted(ballot(0.9, 1, 0.59)), counted(ballot(0.9, 1, 0.6))
    assert (low.leaning[-1], low.decision[-1]) == (vote.BUY, vote.HOLD)
    assert (on.leaning[-1], on.decision[-1]) == (vote.BUY, vote.BUY)


def test_busy_volume_adds_a_tenth_of_confidence() -> None:
    count = counted(ballot(0.9, 1, 0.55), busy=True)
    assert count.confidence[-1] == pytest.approx(0.65)
    assert count.decision[-1] == vote.BUY


def test_confidence_never_passes_its_maximum() -> None:
    assert counted(ballot(0.9, 1, 0.9), busy=True).confidence[-1] == 0.95
    assert counted(ballot(0.9, 1, 1.0)).confidence[-1] == 0.95


def test_busy_volume_is_over_one_and_a_half_times_its_mean_of_twenty() -> None:
    # 19 candles of 10 and one of v: v is 1.5 times the mean when v = 285 / 18.5.
    edge = 285 / 18.5
    for volume, is_busy in ((edge, False), (edge * 1.001, True)):
        candles = random_walk(52, WARMUP).assign(volume=[10.0] * (WARMUP - 1) + [volume])
        count = vote._count(vote._ballots(candles, PARAMS), candles, PARAMS)
        assert bool(count.is_busy[-1]) is is_busy


def test_nobody_votes_where_nothing_moves() -> None:
    candles = constant(600)
    for one in vote._ballots(candles, PARAMS):
        assert (one.direction == vote.HOLD).all(), one.voter
    assert np.isnan(checked_exposure(Vote(), candles, PARAMS)).all()


def test_the_trend_voters_follow_and_the_others_lean_against() -> None:
    # Slow for long, then ever faster: the line of MACD is above its signal, RSI is at the top.
    closes = 100.0 + np.concatenate([np.zeros(500), np.linspace(0.0, 6.0, 60) ** 2])
    votes = {one.voter: one for one in vote._ballots(from_closes(closes), PARAMS)}
    assert votes["sma"].direction[-1] == vote.BUY
    assert votes["macd"].direction[-1] == vote.BUY
    assert votes["rsi"].direction[-1] == vote.SELL
    assert votes["bollinger"].direction[500 + 5] == vote.SELL


def test_the_stochastic_votes_only_when_it_has_turned() -> None:
    votes = {one.voter: one for one in vote._ballots(WALK, PARAMS)}["stochastic"]
    k, d = votes.readings["stochastic_k"], votes.readings["stochastic_d"]
    np.testing.assert_array_equal(votes.direction == vote.BUY, (k < 20) & (k > d))
    np.testing.assert_array_equal(votes.direction == vote.SELL, (k > 80) & (k < d))


def test_every_confidence_is_nought_for_a_hold_and_a_half_to_one_for_a_vote() -> None:
    for one in vote._ballots(WALK, PARAMS):
        spoke = one.direction != vote.HOLD
        assert spoke.any(), one.voter
        assert (one.confidence[~spoke] == 0.0).all()
        assert ((one.confidence[spoke] >= 0.5) & (one.confidence[spoke] <= 1.0)).all()


def test_the_confidence_of_rsi_grows_into_its_zone() -> None:
    votes = {one.voter: one for one in vote._ballots(WALK, PARAMS)}["rsi"]
    bought, values = votes.direction == vote.BUY, votes.readings["rsi_14"]
    expected = 0.5 + 0.5 * (30.0 - values[bought]) / 30.0
    np.testing.assert_allclose(votes.confidence[bought], expected)


@pytest.mark.parametrize("voter", VOTERS)
def test_a_voter_with_all_the_weight_decides_alone(voter: str) -> None:
    params = only(voter, confidence_min=0.5)
    decided = checked_exposure(Vote(), WALK, params)[WARMUP - 1 :]
    votes = {one.voter: one for one in vote._ballots(WALK, params)}[voter]
    direction = votes.direction[WARMUP - 1 :]
    np.testing.assert_array_equal(decided == 1.0, direction == vote.BUY)
    np.testing.assert_array_equal(decided == 0.0, direction == vote.SELL)
    np.testing.assert_array_equal(np.isnan(decided), direction == vote.HOLD)


def test_every_vote_is_kept_as_a_reason_and_the_last_reason_is_the_count() -> None:
    signal = last_signal(Vote(), WALK, PARAMS)
    assert len(signal.reasons) == 6
    for voter, reason in zip(VOTERS, signal.reasons, strict=False):
        assert reason.startswith(f"{voter} votes ")
    assert signal.reasons[-1].startswith("score ")


def test_the_words_and_the_exposure_never_disagree() -> None:
    whole = checked_exposure(Vote(), WALK, PARAMS)
    seen = set()
    for row in range(WARMUP, len(WALK), 23):
        signal = last_signal(Vote(), WALK.iloc[: row + 1], PARAMS)
        word = signal.reasons[-1].rsplit(": ", 1)[1]
        exposure = {"BUY": 1.0, "SELL": 0.0, "HOLD": np.nan}[word]
        np.testing.assert_array_equal(whole[row], exposure)
        seen.add(word)
    assert seen == {"BUY", "SELL", "HOLD"}


def test_the_words_of_a_count() -> None:
    words = vote._count_in_words
    assert words(counted(ballot(0.2, 1, 1.0)), PARAMS) == (
        "score +0.20 is under 0.3 either way: HOLD"
    )
    assert words(counted(ballot(0.9, -1, 0.55)), PARAMS) == (
        "score -0.50 says SELL, but confidence 0.55 is under 0.6: HOLD"
    )
    assert words(counted(ballot(0.9, 1, 0.7), busy=True), PARAMS) == (
        "score +0.63, confidence 0.80, busy volume adds 0.1: BUY"
    )


def test_the_readings_are_the_numbers_that_voted() -> None:
    readings = last_signal(Vote(), WALK, PARAMS).readings
    assert set(readings) == {
        "sma_20", "sma_50", "rsi_14", "macd", "macd_signal", "bollinger_lower",
        "bollinger_upper", "stochastic_k", "stochastic_d", "score",
    }  # fmt: skip
    closes = WALK["close"].to_numpy()
    assert readings["sma_50"] == pytest.approx(closes[-50:].mean())


def test_bitcoin_by_the_hour_is_bought_some_times_a_month_in_every_year() -> None:
    candles = real_candles(BTC_1H)
    values = pd.Series(checked_exposure(Vote(), candles, PARAMS), index=candles.index)
    entries = values.ffill().fillna(0.0).diff() > 0
    by_year = entries.groupby(entries.index.year).mean() * 24 * 30
    assert ((by_year > 3) & (by_year < 12)).all(), by_year
