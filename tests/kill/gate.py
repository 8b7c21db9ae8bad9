"""A door between the programs and their exchange that passes all, or breaks in one of some ways."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import aiohttp
from aiohttp import web

HOST = "127.0.0.1"
UNAVAILABLE = (503, '{"code":-1007,"msg":"Timeout waiting for response from backend server."}')
BANNED = (418, '{"code":-1003,"msg":"Way too much request weight used; IP banned."}')


class Gate:
    """A proxy at one address for all runs; `how` says what it does, `target` where it leads.

    `pass`, `unavailable` (503), `flaky` (503 to every other request), `banned` (418), `silent` (no
    answer) and `closed` (nobody listens).
    """

    def __init__(self) -> None:
        self.target = ""
        self._how = "pass"
        self._count = 0
        self._port = 0
        self._turned = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = self._run(self._listen())

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self._port}"

    def turn(self, how: str) -> None:
        """Behave like this from now on."""
        was, self._how = self._how, how
        self._release()
        if how == "closed":
            self._run(self._runner.cleanup())
        elif was == "closed":
            self._runner = self._run(self._listen())

    def close(self) -> None:
        """Let nobody through any more."""
        self._release()
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _release(self) -> None:
        """Let go of who waits in silence."""
        turned, self._turned = self._turned, asyncio.Event()
        self._loop.call_soon_threadsafe(turned.set)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> web.ServerRunner:
        # What waits in silence is not waited for when the door is closed.
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, HOST, self._port).start()
        assert runner.addresses
        self._port = runner.addresses[0][1]
        return runner

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self._count += 1
        if self._how == "silent":
            await self._turned.wait()
            return web.Response()
        if self._how == "banned":
            return web.Response(status=BANNED[0], text=BANNED[1])
        if self._how == "unavailable" or (self._how == "flaky" and self._count % 2):
            return web.Response(status=UNAVAILABLE[0], text=UNAVAILABLE[1])
        return await self._passed_on(request, body)

    async def _passed_on(self, request: web.BaseRequest, body: bytes) -> web.Response:
        kept = ("X-MBX-APIKEY", "Content-Type")
        headers = {key: request.headers[key] for key in kept if key in request.headers}
        url = aiohttp.client.URL(self.target + request.raw_path, encoded=True)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.request(request.method, url, data=body, headers=headers) as answer,
            ):
                status, text = answer.status, await answer.text()
        except aiohttp.ClientError:
            return web.Response(status=502)  # The exchange of this run has been closed.
        return web.Response(status=status, text=text, content_type="application/json")


@contextmanager
def gate() -> Iterator[Gate]:
    """Yield a door, open."""
    made = Gate()
    try:
        yield made
    finally:
        made.close()
