"""Clients that send or read slowly, on real sockets: others do not wait, honest clients succeed, the rest are
dropped."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from bench.slow import KINDS, SlowClients, ask_for
from recommendations.models import EmbeddingModel
from tests.processes.conftest import Process, Start, until

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


class Server:
    def __init__(self, start: Start) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: Process = start("web", "--bind", f"127.0.0.1:{self.port}")
        until(self.answers, 60, lambda: self.process.log)

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/healthz").status == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
        caller = http.client.HTTPConnection("localhost", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        caller.request(method, path, body, named)  # type: ignore[arg-type]
        return caller.getresponse()

    def raw(self, *parts: bytes, pause: float = 0.0) -> bytes:
        """The complete response to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
            return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture
def server(start: Start) -> Iterator[Server]:
    return Server(start)


HEAD = b"POST /api/v1/search/image/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=x\r\n"
PHOTO = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\nno picture\r\n--x--\r\n'


@pytest.mark.case
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_slow_clients_stop_nobody(server: Server, kind: str) -> None:
    with SlowClients(server.port, kind, 50):
        waited = ask_for(server.address, 15)
    assert waited.failed == []
    assert len(waited.seconds["/"]) >= 2


@pytest.mark.case
def test_a_body_that_trickles_is_ended_and_a_head_sooner(server: Server) -> None:
    with SlowClients(server.port, "body", 5), SlowClients(server.port, "head", 5) as heads:
        time.sleep(16)
        assert heads.closed == 5
    with SlowClients(server.port, "body", 5) as bodies:
        time.sleep(30)
        assert bodies.closed == 5


def test_who_is_too_slow_is_told_so(server: Server) -> None:
    assert server.raw(b"GET / HTTP/1.1\r\n").startswith(b"HTTP/1.1 408 ")


def test_a_slow_but_steady_upload_arrives(server: Server, network: EmbeddingModel) -> None:
    """Ten times faster than required, and longer than a trickling client is allowed."""
    body = PHOTO.replace(b"no picture", b"\0" * 1_000_000)

    def slowly() -> Iterator[bytes]:
        for begin in range(0, len(body), 20_000):
            time.sleep(0.5)
            yield body[begin : begin + 20_000]

    answer = server.ask(
        "POST", "/api/v1/search/image/", slowly(),
        Content_Type="multipart/form-data; boundary=x", Content_Length=str(len(body)),
    )  # fmt: skip
    assert (answer.status, json.load(answer)["code"]) == (400, "unsupported_format"), server.process.log


@pytest.mark.case
def test_a_body_in_chunks_is_read(server: Server, network: EmbeddingModel) -> None:
    answer = server.ask(
        "POST", "/api/v1/search/image/", iter([PHOTO[:30], PHOTO[30:]]), Content_Type="multipart/form-data; boundary=x"
    )
    assert (answer.status, json.load(answer)["code"]) == (400, "unsupported_format"), server.process.log


@pytest.mark.case
def test_chunks_beyond_the_limit_are_refused(server: Server) -> None:
    answer = server.ask("POST", "/api/v1/nothing/", iter([b"0" * 1_000_000] * 5), Content_Type="text/plain")
    assert (answer.status, json.load(answer)["code"]) == (413, "too_many_bytes")


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(server: Server) -> None:
    answer = server.raw(HEAD + FORM + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 "), answer


def test_who_waits_for_the_word_is_told_to_go_on(server: Server, network: EmbeddingModel) -> None:
    head = HEAD + FORM + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(PHOTO)
    answer = server.raw(head, PHOTO, pause=1)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 "), answer


@pytest.mark.case
def test_a_client_that_promised_more_than_it_sends_is_answered(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(HEAD + FORM + b"Content-Length: 1000\r\n\r\n--x\r\n")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "smuggled",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +5\r\n\r\nhello",
    ],
)
def test_one_request_is_never_two(server: Server, smuggled: bytes) -> None:
    answer = server.raw(b"POST /strips/seen/ HTTP/1.1\r\nHost: localhost\r\n" + smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer[9:12] in (b"400", b"501"), answer


def test_a_connection_is_kept_and_takes_requests_one_behind_the_other(server: Server) -> None:
    caller = http.client.HTTPConnection("localhost", server.port, timeout=30)
    for _ in range(3):
        caller.request("POST", "/strips/seen/", b"{}", {"Content-Type": "application/json"})
        answer = caller.getresponse()
        answer.read()
        assert answer.status == 400
        sock = caller.sock
    assert caller.sock is sock is not None
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    assert server.raw(get + b"\r\n" + get + b"Connection: close\r\n\r\n").count(b"HTTP/1.1 200 OK") == 2


def test_a_large_answer_reaches_a_slow_reader_whole(server: Server) -> None:
    path = "/static/unfold/css/styles.css"
    whole = server.ask("GET", path).read()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
        time.sleep(3)
        client.settimeout(30)
        got = b"".join(iter(lambda: client.recv(65536), b""))
    assert got.partition(b"\r\n\r\n")[2] == whole


def test_it_stops_in_time_while_slow_clients_hold_on(server: Server) -> None:
    with SlowClients(server.port, "body", 20), SlowClients(server.port, "idle", 20):
        time.sleep(2)
        server.process.popen.send_signal(signal.SIGTERM)
        assert server.process.popen.wait(timeout=25) == 0
