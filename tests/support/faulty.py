"""A proxy that fails on purpose, between the real client and the sandbox's HTTP."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import aiohttp
from aiohttp import web

HOST = "127.0.0.1"
# What a fault answers instead of the exchange: status and body.
ANSWERS = {
    "garbage": (200, "<html>Welcome to the hotel's network</html>"),
    "empty": (200, ""),
    "truncated": (200, '{"symbol":"BTCUSDT","orderId":'),
    "other": (200, '{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"another","status":"NEW"}'),
    "odd status": (
        200,
        '{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"tb-buy","status":"ODD"}',
    ),
    "503": (503, '{"code":-1007,"msg":"Timeout waiting for response from backend server."}'),
    "500": (500, '{"code":-1006,"msg":"An unexpected response was received."}'),
    "502": (502, "<html>Bad Gateway</html>"),
    "418": (418, '{"code":-1003,"msg":"Way too much request weight used; IP banned."}'),
    "429": (429, '{"code":-1003,"msg":"Too much request weight used."}'),
    "-1021": (400, '{"code":-1021,"msg":"Timestamp for this request was 1000ms ahead."}'),
    "-2015": (401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'),
    "-2010": (400, '{"code":-2010,"msg":"Account has insufficient balance for requested action."}'),
    "duplicate": (400, '{"code":-2010,"msg":"Duplicate order sent."}'),
    "-1008": (503, '{"code":-1008,"msg":"Server is currently overloaded."}'),
    "-1013": (400, '{"code":-1013,"msg":"Filter failure: NOTIONAL"}'),
    "-2021": (
        409,
        '{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{'
        '"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{},'
        '"newOrderResponse":{"code":-2010,"msg":"Stop price would trigger immediately."}}}',
    ),
    "-2022": (
        400,
        '{"code":-2022,"msg":"Order cancel-replace failed.","data":{'
        '"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED",'
        '"cancelResponse":{"code":-2011,"msg":"Unknown order sent."},"newOrderResponse":null}}',
    ),
    "-2021 wordless": (
        409,
        '{"code":-2021,"data":{"cancelResult":"SUCCESS","newOrderResult":"FAILURE"}}',
    ),
    "-2021 odd": (409, '{"code":-2021,"data":{"newOrderResult":"ODD","newOrderResponse":{}}}'),
    "-2022 odd": (400, '{"code":-2022,"data":{"newOrderResult":"FAILURE"}}'),
    "-9999 odd": (400, '{"code":-9999,"data":{"newOrderResult":"NOT_ATTEMPTED"}}'),
    "-2021 alone": (409, '{"code":-2021,"msg":"Order cancel-replace partially failed."}'),
    "BNB": (
        200,
        '[{"symbol":"BTCUSDT","id":7,"orderId":1,"orderListId":-1,"price":"100.00","qty":"0.4",'
        '"quoteQty":"40","commission":"0.00002600","commissionAsset":"BNB","time":1704070800000,'
        '"isBuyer":true,"isMaker":false,"isBestMatch":true},'
        '{"symbol":"BTCUSDT","id":8,"orderId":1,"orderListId":-1,"price":"100.00","qty":"0.6",'
        '"quoteQty":"60","commission":"0.00060000","commissionAsset":"BTC","time":1704070800000,'
        '"isBuyer":true,"isMaker":false,"isBestMatch":true}]',
    ),
    "-9999": (400, '{"code":-9999,"msg":"A code that nobody knows."}'),
}


@dataclass
class Faults:
    """What to do to the next requests of a method and path; empty = pass everything on.

    A fault is a name of `ANSWERS`, before or `after:` the exchange has executed the request, or
    `drop` / `after:drop`: the connection ends without an answer.
    """

    url: str = ""
    script: dict[str, list[str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def count(self, what: str) -> int:
        """Return how many requests there were of `POST /api/v3/order`, say."""
        return self.seen.count(what)


@contextmanager
def faulty_proxy(target: str) -> Iterator[Faults]:
    """Stand between a client and `target`; yield what to script."""
    faults = Faults()
    loop = asyncio.new_event_loop()
    started: list[int] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        what = f"{request.method} {request.path}"
        faults.seen.append(what)
        planned = faults.script.get(what) or [""]
        fault = planned.pop(0)
        if not fault or fault.startswith("after:"):
            status, text = await passed_on(request, body)
        if not fault:
            return web.Response(status=status, text=text, content_type="application/json")
        name = fault.removeprefix("after:")
        if name == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, text = ANSWERS[name]
        return web.Response(status=status, text=text)

    async def passed_on(request: web.BaseRequest, body: bytes) -> tuple[int, str]:
        kept = ("X-MBX-APIKEY", "Content-Type")
        headers = {key: request.headers[key] for key in kept if key in request.headers}
        url = aiohttp.client.URL(target + request.raw_path, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        assert runner.addresses
        started.append(runner.addresses[0][1])
        return runner

    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    faults.url = f"http://{HOST}:{started[0]}"
    try:
        yield faults
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
