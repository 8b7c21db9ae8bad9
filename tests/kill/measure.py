"""One kill under one condition: how long it took, and what is not as it must be."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from subprocess import PIPE, TimeoutExpired

from tests.kill.conditions import Broken, Condition
from tests.kill.ground import Ground, Place

KILL_SECONDS_MAX = 180.0
LOOK_SECONDS = 0.002


@dataclass(slots=True)
class Measured:
    """Seconds after the command was typed; None where it was not seen to happen."""

    latched: float | None = None
    cancelled: float | None = None
    flat: float | None = None
    ended: float = 0.0
    faults: list[str] = field(default_factory=list)


def measured(condition: Condition, ground: Ground, number: int) -> Measured:
    """Break one thing beside a bot that trades, type the command, and watch from outside."""
    with ground.place(has_alerts=condition.has_alerts) as place, place.bot() as bot:
        broken = Broken(ground, place, bot, number)
        try:
            condition.breaks(broken)
            found, told = _killed(broken, is_cancelled=condition.is_cancelled)
        finally:
            for each in broken.others:
                each.kill()
                each.communicate()
        found.faults += _faults(condition, place, found, told)
    return found


def _killed(broken: Broken, *, is_cancelled: bool) -> tuple[Measured, tuple[int, str, str]]:
    """Type the command, and watch latch and exchange until it ends."""
    place, found = broken.place, Measured()
    began = time.monotonic()
    killer = place.started(
        "kill",
        "--flatten",
        "--json",
        unlocked_by=broken.unlocked_by,
        more=broken.more,
        through=broken.through,
        stdout=PIPE,
        stderr=PIPE,
    )
    with killer:
        while killer.poll() is None and time.monotonic() - began < KILL_SECONDS_MAX:
            if found.latched is None and not place.armed.exists():
                found.latched = time.monotonic() - began
            if found.latched is not None and is_cancelled:
                # What comes back after it was gone is not gone yet.
                is_gone = _open_orders(place) == 0
                seen = found.cancelled or time.monotonic() - began
                found.cancelled = seen if is_gone else None
            time.sleep(LOOK_SECONDS)
        with suppress(TimeoutExpired):
            killer.wait(1)
        killer.kill()
        out, err = killer.communicate()
    found.ended = time.monotonic() - began
    return found, (killer.returncode, out.decode(), err.decode())


def _open_orders(place: Place) -> int:
    try:
        return place.open_orders()
    except (OSError, HTTPException):
        return -1  # Its own door is shut for a moment, which proves nothing.


def _faults(
    condition: Condition, place: Place, found: Measured, told: tuple[int, str, str]
) -> list[str]:
    """Return what is not as it must be, in words."""
    code, out, err = told
    faults = []
    if code != condition.code:
        faults.append(f"exit code {code}, not {condition.code}: {out} {err[-2000:]}")
    if place.armed.exists() or found.latched is None:
        faults.append("the latch is not closed")
    if condition.is_cancelled and place.open_orders():
        faults.append(f"{place.open_orders()} orders are open: {out}")
    try:
        said = json.loads(out)
    except ValueError:
        return [*faults, f"no result: {out!r} {err[-2000:]}"]
    problems = " ".join(said["problems"])
    if condition.said not in problems or bool(problems) != bool(condition.said):
        faults.append(f"it says {said['problems']}")
    if condition.is_flat and (said["left"] or said["open_orders"] != [] or not said["sold"]):
        faults.append(f"not flat: {out}")
    if not condition.is_flat and said["sold"]:
        faults.append(f"sold without its journal: {out}")
    return faults
