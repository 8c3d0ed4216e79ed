"""An HTTP server on loopback that serves files, counts sent bytes, and fails as instructed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import tarfile
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from placa.sources.download import Edition, RemoteFile

Reply = Callable[["Handler", bytes, int], None]


@dataclass
class Server:
    """The files of the server, its next replies, and the requests it received."""

    files: dict[str, bytes] = field(default_factory=dict)
    #: Replies to the next requests for a file; later requests get the normal reply.
    replies: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    #: Reply to all requests without an entry in `replies`.
    otherwise: Reply | None = None
    #: ``(name, range header)`` of each request.
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    #: The other headers of the last request.
    headers: dict[str, str] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    url: str = ""

    def will(self, name: str, *replies: Reply) -> None:
        self.replies[name].extend(replies)

    def ranges(self, name: str) -> list[str | None]:
        return [asked for which, asked in self.asked if which == name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        asked = self.headers.get("Range")
        self.state.asked.append((name, asked))
        self.state.headers = dict(self.headers)
        self.name, body = name, self.state.files.get(name)
        if body is None:
            self.reply(404, b"no such file")
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        queue = self.state.replies[name]
        reply = queue.popleft() if queue else self.state.otherwise or serve
        with contextlib.suppress(ConnectionError):
            reply(self, body, start)

    def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        # Counted first: a client that has the whole body must find the number.
        self.state.sent[self.name] += len(body)
        self.wfile.write(body)
        self.wfile.flush()
        if length is not None:
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect, as in many tests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def tag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def part_header(body: bytes, start: int) -> str:
    return f"bytes {start}-{len(body) - 1}/{len(body)}"


def serve(handler: Handler, body: bytes, start: int) -> None:
    """Reply with the requested range, or with the complete file if it has changed."""
    condition = handler.headers.get("If-Range")
    if start >= len(body):
        handler.reply(416, b"", Content_Range=f"bytes */{len(body)}")
    elif start and condition in (None, tag(body)):
        handler.reply(206, body[start:], Content_Range=part_header(body, start), ETag=tag(body))
    else:
        handler.reply(200, body, ETag=tag(body))


def drop_after(share: float) -> Reply:
    """Return a reply that disconnects after a fraction of the content."""

    def reply(handler: Handler, body: bytes, start: int) -> None:
        rest = body[start:]
        some = rest[: int(len(rest) * share)]
        status, headers = (206, {"Content_Range": part_header(body, start)}) if start else (200, {})
        handler.reply(status, some, len(rest), ETag=tag(body), **headers)

    return reply


def short_length(share: float) -> Reply:
    """Return a reply that sends a fraction of the file with a matching length."""
    return lambda handler, body, start: handler.reply(200, body[: int(len(body) * share)], ETag=tag(body))


def no_ranges(handler: Handler, body: bytes, start: int) -> None:
    handler.reply(200, body)


def reply_with(status: int, body: bytes = b"", **headers: str) -> Reply:
    return lambda handler, _body, _start: handler.reply(status, body, **headers)


@contextlib.contextmanager
def loopback() -> Iterator[Server]:
    """Run the server during the block."""
    state = Server()
    http = _QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{http.server_address[1]}/nih"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        http.server_close()


def noise(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def remote(name: str, body: bytes, images: int = 0, optional: bool = False, kind: str = "md5") -> RemoteFile:
    digest = f"{kind}:{hashlib.new(kind, body).hexdigest()}"
    return RemoteFile(name, f"http://127.0.0.1:9/{name}", (Edition(len(body), digest),), images, optional)


def radiograph(seed: int, side: int = 48) -> bytes:
    buffer = io.BytesIO()
    levels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def member(
    name: str, body: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(body)
    return info, body


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as tar:
        for info, body in members:
            tar.addfile(info, io.BytesIO(body) if body else None)
    return buffer.getvalue()


def images_archive(count: int, first: int = 1, side: int = 48) -> bytes:
    """Return an archive in the layout of NIH: the folder, then its images."""
    pictures = [member(f"images/{first + i:08d}_000.png", radiograph(first + i, side)) for i in range(count)]
    return archive(member("images", kind=tarfile.DIRTYPE), *pictures)
