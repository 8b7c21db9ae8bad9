"""A web server on loopback that writes down who called it, and answers everything the same way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Listener:
    """What was asked, as `POST /path`, and what is answered."""

    url: str = ""
    status: int = 200
    location: str = ""
    answer: bytes = b"{}"
    seen: list[str] = field(default_factory=list)


@contextmanager
def listener(*, status: int = 200, location: str = "", answer: bytes = b"{}") -> Iterator[Listener]:
    """Run the server."""
    heard = Listener(status=status, location=location, answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            heard.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            self.send_response(heard.status)
            if heard.location:
                self.send_header("Location", heard.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(heard.answer)))
            self.end_headers()
            self.wfile.write(heard.answer)

        do_GET = do_POST = do_DELETE = do_PUT = handle_any

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()
