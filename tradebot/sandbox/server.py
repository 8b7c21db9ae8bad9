"""The sandbox exchange on a loopback port: HTTP in, the desk's answers out.

Law: no clock is read here. Requests and the passing of time meet in one loop on one thread, so
neither ever sees the other half done.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable, Coroutine, Mapping
from threading import Thread
from typing import TypeVar

from aiohttp import web

from tradebot.errors import InvariantError, UsageError
from tradebot.sandbox.auth import Account, KeyRights
from tradebot.sandbox.book import Book
from tradebot.sandbox.desk import Desk
from tradebot.sandbox.endpoints import Request, Written, answer
from tradebot.sandbox.faults import Faults, Outcome
from tradebot.sandbox.faults_plan import FaultPlan

HOST = "127.0.0.1"
# More than any order list or form; a larger body is refused unread.
BODY_BYTES_MAX = 64 * 1024
STOP_SECONDS_MAX = 5
# A client that keeps its connection may hold up the end so long; to aiohttp 0 would be for ever.
IDLE_SECONDS_MAX = 0.1
NO_FAULTS: Mapping[str, object] = {"faults": {}, "requests_in_ban": 0, "fault_log": []}

Result = TypeVar("Result")


class SandboxServer:
    """One book behind one port. `port` 0 takes any free one; `is_stepped` allows /sandbox/advance.

    `is_time_checked` False takes any timestamp: for a sandbox whose time outruns its clients'.
    `faults` go wrong as planned; an answer that is delayed waits for the sandbox's time to pass.
    """

    def __init__(
        self,
        book: Book,
        *,
        api_key: str,
        secret: str,
        port: int = 0,
        is_time_checked: bool = True,
        is_stepped: bool = False,
        faults: FaultPlan | None = None,
        key_rights: KeyRights = KeyRights.TRADE,
    ) -> None:
        account = Account(api_key, secret, is_time_checked=is_time_checked)
        self._desk = Desk(book, account, is_stepped=is_stepped)
        self._desk.key_rights = key_rights
        self._faults = None if faults is None else Faults(faults, self._desk)
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._protocol: web.Server | None = None
        self._listener: asyncio.Server | None = None

    def start(self) -> str:
        """Serve from a thread of its own; return the URL. Raises UsageError for a port in use."""
        assert self._loop is None, "a server starts once"
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()
        try:
            port = self._await(self._open())
        except OSError as error:
            self._end_loop(self._loop, self._thread)
            raise _port_error(self._port, error) from error
        return f"http://{HOST}:{port}"

    def stop(self) -> None:
        """Stop serving and end the thread; without effect where it does not run."""
        if self._loop is None or self._thread is None or self._loop.is_closed():
            return
        self._await(self._close())
        self._end_loop(self._loop, self._thread)

    def advance_to(self, time_ms: int) -> None:
        """Let the sandbox's time pass until `time_ms`; return when all fills are booked."""
        self.call(lambda: self._advance(time_ms))

    def now_ms(self) -> int:
        """Return the sandbox's time."""
        return self.call(lambda: self._desk.book.now)

    def call(self, act: Callable[[], Result]) -> Result:
        """Run `act` between two requests, on the server's thread; return what it returns."""
        return self._await(_run_now(act))

    def _await(self, work: Coroutine[None, None, Result]) -> Result:
        if self._loop is None or self._loop.is_closed():
            work.close()
            raise InvariantError("the sandbox server does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> int:
        loop = asyncio.get_running_loop()
        self._protocol = web.Server(self._handle, access_log=None)
        self._listener = await loop.create_server(self._protocol, HOST, self._port)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        assert self._listener is not None and self._protocol is not None, "it was opened"
        self._listener.close()
        for _, waiting in self._waiting:
            waiting.cancel()
        await self._protocol.shutdown(IDLE_SECONDS_MAX)
        await asyncio.get_running_loop().shutdown_asyncgens()

    @staticmethod
    def _end_loop(loop: asyncio.AbstractEventLoop, thread: Thread) -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS_MAX)
        if thread.is_alive():
            raise InvariantError("the sandbox's thread did not end")
        loop.close()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return web.Response(status=413, text="the body is too large")
        body = (await request.read()).decode("utf-8", "replace") if request.body_exists else ""
        path, _, query = request.raw_path.partition("?")
        if path.startswith("/sandbox/"):
            return _response(self._own_answer(request.method, path, body))
        api_key = request.headers.get("X-MBX-APIKEY")
        outcome = self._outcome(Request(request.method, path, query, body, api_key))
        await self._until(outcome.ready_at)
        if outcome.written is None:
            if request.transport is not None:
                request.transport.close()
            return web.Response()  # To nobody.
        return _response(outcome.written)

    def _outcome(self, request: Request) -> Outcome:
        if self._faults is None:
            return Outcome(answer(self._desk, request))
        return self._faults.serve(request)

    # --- time -----------------------------------------------------------------------------------

    def _advance(self, time_ms: int) -> None:
        if self._faults is None:
            self._desk.book.advance_to(time_ms)
            return
        self._faults.advance_to(time_ms)
        for ready_at, waiting in self._waiting:
            if ready_at <= time_ms and not waiting.done():
                waiting.set_result(None)
        self._waiting = [each for each in self._waiting if not each[1].done()]

    async def _until(self, time_ms: int) -> None:
        """Wait until the sandbox's time is `time_ms`."""
        if time_ms > self._desk.book.now:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append((time_ms, waiting))
            await waiting

    # --- the sandbox's own endpoints --------------------------------------------------------------

    def _own_answer(self, method: str, path: str, body: str) -> Written:
        """Return the answer to a request that is no part of Binance's API."""
        desk = self._desk
        if (method, path) == ("GET", "/sandbox/status"):
            failed = NO_FAULTS if self._faults is None else self._faults.status()
            return Written(200, json.dumps({**_status(desk), **failed}), 0)
        if (method, path) == ("POST", "/sandbox/key"):
            return self._told_of_key(_sent(body, "rights"))
        if (method, path) != ("POST", "/sandbox/advance"):
            return _refused(
                404, "the sandbox has GET /sandbox/status, POST /sandbox/advance and /sandbox/key"
            )
        if not desk.is_stepped:
            return _refused(400, "time passes by itself here; start the sandbox with --speed step")
        to = _sent(body, "to")
        if not isinstance(to, int) or isinstance(to, bool):
            return _refused(400, 'send {"to": <UTC milliseconds>}')
        if to < desk.book.now:
            return _refused(400, f"time does not run backwards: it is {desk.book.now}")
        self._advance(to)
        return Written(200, json.dumps({"now": desk.book.now}), 0)

    def _told_of_key(self, rights: object) -> Written:
        """Let another thing be told of the key from now on."""
        if rights not in list(KeyRights):
            known = ", ".join(KeyRights)
            return _refused(400, f'send {{"rights": "trade"}}, or another of {known}')
        self._desk.key_rights = KeyRights(str(rights))
        return Written(200, json.dumps({"rights": rights}), 0)


def _sent(body: str, name: str) -> object:
    """Return a value of the JSON object that was sent; None where it is not there."""
    try:
        return json.loads(body)[name]
    except (ValueError, KeyError, TypeError):
        return None


def _status(desk: Desk) -> dict[str, object]:
    return {
        "now": desk.book.now,
        "order_posts": desk.order_posts,
        "posts_by_client_id": dict(desk.posts_by_client_id),
        "open_orders": len(desk.book.open_orders),
        "orders": len(desk.book.orders),
        "trades": len(desk.book.trades),
    }


def _response(written: Written) -> web.Response:
    weight = str(written.weight)
    return web.Response(
        status=written.status,
        body=written.text.encode(),
        headers={
            "Content-Type": "application/json;charset=UTF-8",
            "x-mbx-used-weight": weight,
            "x-mbx-used-weight-1m": weight,
            **written.headers,
        },
    )


def _refused(status: int, message: str) -> Written:
    return Written(status, json.dumps({"error": message}), 0)


async def _run_now(act: Callable[[], Result]) -> Result:
    return act()


def _port_error(port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {port} on {HOST} is already in use", "name another --port, or 0 for any free one"
        )
    return UsageError(f"port {port} on {HOST} cannot be opened: {error.strerror}")
