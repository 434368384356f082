"""gunicorn's gthread worker with buffering: application threads see only complete requests and never wait for a client.

gthread reads the request and writes the response in one of its few threads, so the same number of clients that trickle
bytes block the whole server. Here, a connection waits in the poller until its first byte arrives. A separate thread
then reads the request with gunicorn's parser and the deadlines of `pace`, buffers its body, and passes it to an
application thread. A separate thread also sends the part of the response that the client is too slow to accept.

As a side effect, a chunked body has a length before the application sees it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any
from urllib.parse import unquote

from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import NoMoreData
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from shop.requests.body_limits import body_limit
from shop.serving.pace import HEAD_SECONDS, Answer, Kept, NoRoom, Pace, PacedSocket, Room, TooSlow

READ_BYTES = 64 * 1024
SPARE = 16  # connections below the limit at which the first one is dropped, so that new ones are always accepted
NO_FILES = (errno.EMFILE, errno.ENFILE)
#: Answered outside the application threads, so that a shop with only busy threads does not look dead.
PROBE = "/healthz"

_REFUSALS = {
    TooSlow: "408 Request Timeout",
    NoMoreData: "400 Bad Request",
    NoRoom: "503 Service Unavailable",
}


class Connection(TConn):
    """gthread's connection, with the next request as far as it has been read."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.parser: Any = None  # made by `begin`
        self.pace = Pace()
        self.body: Kept | None = None
        self.answer: Answer | None = None

    def begin(self) -> None:
        """Create gunicorn's parser once, reading with our deadlines."""
        if not self.initialized:
            self.init()
            self.parser = WholeRequests(self.parser)
            self.parser.unreader.sock = PacedSocket(self.sock, self.pace)

    def forget_request(self) -> None:
        if self.body is not None:
            self.parser.unread_request().body = io.BytesIO()
            self.body.close()
            self.body = None

    def forget_answer(self) -> None:
        if self.answer is not None:
            self.answer.close_kept()
            self.answer = None

    @property
    def address(self) -> str:
        return self.client[0] if isinstance(self.client, tuple) else str(self.client)

    def cut(self) -> None:
        """Shut the connection down while another thread reads from it or writes to it."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class WholeRequests:
    """gunicorn's parser, one request ahead: `read` parses it from the socket, `next` returns it to the application."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._found: Future[Request] = Future()

    @property
    def unreader(self) -> Any:
        return self._parser.unreader

    def read(self) -> Request:
        return next(self._parser)

    def unread_request(self) -> Request:
        return self._parser.mesg

    def found(self, future: Future[Request]) -> None:
        self._found = future

    def __next__(self) -> Request:
        """Return the request, or raise the error of reading it."""
        return self._found.result()

    def finish_body(self, deadline: float | None = None) -> bool:
        return bool(self._parser.finish_body(deadline=deadline))


class BufferingWorker(ThreadWorker):
    """For plain HTTP; TLS ends at a proxy."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.room = Room()
        #: Connections in a thread that waits for the client.
        self.attended: dict[Connection, None] = {}

    def init_process(self) -> None:
        self.attendants = ThreadPoolExecutor(self.worker_connections, "client")
        super().init_process()

    # Accepting connections, in the main thread

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in NO_FILES:
                self._give_one_up()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, sock, client, listener.getsockname())
        conn.data_ready = True
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))
        if self.nr_conns > self.worker_connections - SPARE:
            self._give_one_up()

    def _give_one_up(self) -> None:
        """Drop the longest-waiting connection of the address with the most connections."""
        waiting = [*self.attended, *self.pending_conns, *self.keepalived_conns]
        if not waiting:
            return
        most = Counter(conn.address for conn in waiting).most_common(1)[0][0]
        conn = next(conn for conn in waiting if conn.address == most)
        if conn in self.attended:
            conn.cut()
            self.attended[conn] = self.attended.pop(conn)  # its thread closes it
        else:
            (self.pending_conns if conn in self.pending_conns else self.keepalived_conns).remove(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def _attend(self, conn: Connection, work: Callable[[Connection], Any], then: Callable[..., None]) -> None:
        """Run `work` in a thread that may wait for the client, then `then` in the main thread."""
        self.attended[conn] = None

        def done(future: Future[Any]) -> None:
            self.attended.pop(conn, None)
            then(conn, future)

        future = self.attendants.submit(work, conn)
        future.add_done_callback(lambda future: self.method_queue.defer(done, future))

    # Reading a request

    def enqueue_req(self, conn: Connection) -> None:
        """Called when there is something to read: the first request of a connection, or the next one."""
        self._attend(conn, self._read, self._found)

    def _read(self, conn: Connection) -> Request:
        try:
            conn.sock.setblocking(True)
            conn.pace.head()
            conn.begin()
            request = conn.parser.read()
            self._keep_body(conn, request)
            return request
        except (TooSlow, NoRoom, NoMoreData) as error:
            refusal = _REFUSALS[type(error)]
            # A client that left before it sent a request needs no response.
            if not (isinstance(error, NoMoreData) and conn.parser.unread_request() is None):
                _send_at_once(conn.sock, f"HTTP/1.1 {refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            raise

    def _keep_body(self, conn: Connection, request: Request) -> None:
        """Buffer the body, unless it exceeds the limit: the application refuses it by its length."""
        reader, limit = request.body.reader, body_limit(unquote(request.path))
        awaited, request._expected_100_continue = request._expected_100_continue, False
        if isinstance(reader, LengthReader):
            if reader.length > limit:
                request.force_close()
                return
            if reader.length == 0:
                return
        length = reader.length if isinstance(reader, LengthReader) else None
        if awaited and not conn.parser.unreader.buf.getvalue():
            _send_at_once(conn.sock, "HTTP/1.1 100 Continue\r\n\r\n")
        conn.pace.body()
        conn.body = Kept(self.room)
        while conn.body.size <= limit and (data := request.body.read(READ_BYTES)):
            conn.body.add(data)
        if length is not None and conn.body.size < length:
            raise NoMoreData
        if conn.body.size > limit:
            request.force_close()
        conn.body.file.seek(0)
        request.body = conn.body.file
        if isinstance(reader, ChunkedReader):
            stated = [(name, value) for name, value in request.headers if name != "TRANSFER-ENCODING"]
            request.headers = [*stated, ("CONTENT-LENGTH", str(conn.body.size))]

    def _found(self, conn: Connection, future: Future[Request]) -> None:
        if isinstance(future.exception(), (TooSlow, NoRoom, NoMoreData, StopIteration)):
            self._close(conn)
            return
        conn.parser.found(future)
        probe = future.exception() is None and future.result().path == PROBE
        handled = (self.attendants if probe else self.tpool).submit(self.handle, conn)
        handled.add_done_callback(lambda handled: self.method_queue.defer(self.finish_request, conn, handled))

    # Answering it

    def handle_request(self, req: Request, conn: Connection) -> bool:
        conn.answer = Answer(conn.sock, self.room)
        sock, conn.sock = conn.sock, conn.answer
        try:
            return bool(super().handle_request(req, conn))
        finally:
            conn.sock = sock
            conn.forget_request()

    def finish_request(self, conn: Connection, fs: Future[bool]) -> None:
        answer = conn.answer
        if answer is not None and answer.kept is not None:
            self._attend(conn, lambda _: answer.flush(), partial(self._flushed, fs))
        elif fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._close(conn)

    def _flushed(self, fs: Future[bool], conn: Connection, flushed: Future[None]) -> None:
        conn.forget_answer()
        if flushed.exception() is None:
            self.finish_request(conn, fs)
        else:
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        """Close in a separate thread: gunicorn waits up to 2 s for the client to close first, in the main thread."""

        def closed(conn: Connection, _: Future[None]) -> None:
            self.nr_conns -= 1

        if conn.parser is not None:
            conn.forget_request()
        self._attend(conn, lambda conn: conn.close(graceful=True), closed)

    # Shutting down

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            while self.pending_conns:  # they have sent no request yet
                conn = self.pending_conns.popleft()
                self.poller.unregister(conn.sock)
                self.nr_conns -= 1
                conn.close()

    def run(self) -> None:
        super().run()
        for conn in list(self.attended):
            conn.cut()  # otherwise its thread would outlive the grace period
        self.attendants.shutdown(wait=False, cancel_futures=True)


def _send_at_once(sock: socket.socket, text: str) -> None:
    """Send as much as fits into the connection's buffer; a client that does not accept even this gets nothing."""
    with contextlib.suppress(OSError):
        sock.send(text.encode(), socket.MSG_DONTWAIT)
