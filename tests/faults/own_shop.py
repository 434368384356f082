"""A complete shop for one test: its own Postgres, Redis, media folder and processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from celery import Celery

from tests.faults.inside.names import SHELF, TOKEN
from tests.faults.servers import servers
from tests.running import Process, until

QUICK = {
    "EMBEDDING_LEASE_SECONDS": "3",
    "EMBEDDING_SWEEP_SECONDS": "1",
    "EMBEDDING_BATCH_SIZE": "8",
    "EMBEDDING_THREADS": "1",
}
#: Seconds within which a broken shop must recover. Not a requirement: it only keeps a failed test from hanging.
RECOVERY = 180


@dataclass
class Reply:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """A web process and a client of it."""

    def __init__(self, process: Process, port: int) -> None:
        self.process, self.port = process, port

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, seconds: float = 60
    ) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, body, headers or {})
            answer: HTTPResponse = connection.getresponse()
            return Reply(answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders()))
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def upload(self, data: bytes, *, slug: str = SHELF, seconds: float = 60) -> Reply:
        """Upload a picture through the API as staff; on success, `reply.json["id"]` is the picture."""
        head = (
            b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=frontier", "Authorization": f"Token {TOKEN}"}
        path = f"/api/v1/products/{slug}/images/"
        return self.request("POST", path, head + data + b"\r\n--frontier--\r\n", headers, seconds)


class OwnShop:
    """`environment` has additional variables for its processes: change it before they start."""

    def __init__(self, folder: Path, *, var: Path | None = None) -> None:
        self.folder, self.var = folder, var or folder / "var"
        self.services, self.postgres, self.redis = servers(self.var)
        self.media = self.var / "media"
        self.environment = {
            "VAR_DIR": str(self.var),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "PYTHONUNBUFFERED": "1",
            **QUICK,
        }
        self._started: list[Process] = []

    # Processes

    def start(self, name: str, *options: str, command: list[str] | None = None, **environment: str) -> Process:
        """Start `python -m shop NAME`, or a complete command. FAULT_* variables: see `tests.faults.inside`."""
        process = Process(
            command or [sys.executable, "-m", "shop", name, *options],
            self._variables(environment),
            self.folder / f"{len(self._started):02d}-{name}.log",
        )
        self._started.append(process)
        return process

    def web(self, **environment: str) -> Web:
        """Start a web process and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        web = Web(self.start("web", "--bind", f"127.0.0.1:{port}", **environment), port)

        def answers() -> bool:
            try:
                return web.get("/healthz").status == 200
            except OSError:
                return False

        until(answers, 60, lambda: web.process.log)
        return web

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run `manage.py …` and return its standard output."""
        command = self.start("manage", command=[sys.executable, "manage.py", *arguments], **environment)
        assert command.ended(120) == 0, command.log
        return command.log

    def chore(self, call: str, **environment: str) -> Any:
        """Run one function of `tests.faults.inside.chores` and return its answer."""
        code = f"from tests.faults.inside import chores; chores.{call}"
        output = self.manage("shell", "-v", "0", "-c", code, **environment)
        lines = output.splitlines()
        return json.loads(lines[-1]) if lines else None

    def _variables(self, environment: dict[str, str]) -> dict[str, str]:
        variables = {**os.environ, **self.environment, **environment}
        if any(name.startswith("FAULT_") for name in variables):
            variables["DJANGO_SETTINGS_MODULE"] = "tests.faults.settings"
        return variables

    # Pictures

    def add_pictures(self, count: int, *, interactive: bool = False, **environment: str) -> list[int]:
        """Add pictures in a separate process, through the service that every entry point uses, and return their ids.
        `interactive`: send a message for each picture, like uploads, instead of one for all, like imports."""
        ids: list[int] = self.chore(f"add_pictures({count}, {interactive=})", **environment)
        return ids

    def send(self, task: str, arguments: list[Any], *, queue: str = "interactive") -> None:
        """Send a message to the workers from the test, without the shop's code."""
        with Celery(broker=self.redis.url, set_as_current=False) as sender:
            sender.send_task(task, arguments, queue=queue, ignore_result=True)

    def hold(self, whom: str = "worker") -> dict[str, str]:
        """Variables for a process whose forward passes wait until `let_go`. A second call holds running processes
        again."""
        self._brake(whom).touch()
        return {"FAULT_HOLD_PASSES": str(self._brake(whom))}

    def let_go(self, whom: str = "worker") -> None:
        self._brake(whom).unlink()

    def _brake(self, whom: str) -> Path:
        return self.folder / f"{whom}.brake"

    def states(self) -> Counter[str]:
        """Number of accepted pictures in each state, for the active model."""
        return Counter(
            dict(
                self.postgres.rows(
                    """
                    SELECT CASE WHEN e.id IS NULL OR e.digest <> i.digest THEN 'pending' ELSE e.state END, count(*)
                      FROM catalog_productimage i
                      LEFT JOIN recommendations_imageembedding e ON e.image_id = i.id
                           AND e.model_id = (SELECT id FROM recommendations_embeddingmodel WHERE state = 'active')
                     GROUP BY 1
                    """
                )
            )
        )

    def attempts(self) -> Counter[int]:
        """Number of pictures by number of attempts, whatever the result."""
        return Counter(
            dict(self.postgres.rows("SELECT attempts, count(*) FROM recommendations_imageembedding GROUP BY 1"))
        )

    def until_processing(self, count: int = 1) -> None:
        """Wait until a worker has claimed at least this many pictures."""
        until(lambda: self.states()["processing"] >= count, RECOVERY, self.logs)

    def until_settled(self, seconds: float = RECOVERY) -> None:
        """Wait until no picture is pending or claimed."""
        until(lambda: not {"pending", "processing"} & set(self.states()), seconds, self.logs)

    def logs(self) -> str:
        return f"{dict(self.states())}\n" + "\n".join(
            f"--- {process.log_path.name}\n{process.log[-4000:]}" for process in self._started
        )

    # The end

    def assert_nothing_lost(self, accepted: Collection[int], *, failed: int = 0) -> None:
        """Check the invariants after all faults, with the scheduler and a worker running again.

        Args:
            accepted: ids of the pictures that the shop accepted, without those deleted since then.
            failed: number of them that must have failed.
        """
        self.until_settled()
        rows = self.postgres.rows
        assert sorted(accepted) == [pk for (pk,) in rows("SELECT id FROM catalog_productimage ORDER BY id")]
        states = self.states()
        assert states == Counter({"ready": len(accepted) - failed, "failed": failed}), self.logs()
        self._assert_every_row_whole()
        self._assert_no_orphan_files()
        if failed:
            self._assert_retry_works(failed)

    def _assert_every_row_whole(self) -> None:
        broken = self.postgres.rows(
            """
            SELECT e.image_id, m.name, e.state, e.error_code, e.error, e.attempts
              FROM recommendations_imageembedding e
              JOIN catalog_productimage i ON i.id = e.image_id
              JOIN recommendations_embeddingmodel m ON m.id = e.model_id
             WHERE e.digest <> i.digest OR e.state IN ('pending', 'processing') OR e.lease_expires_at IS NOT NULL
                OR (e.state = 'ready') <> (e.vector IS NOT NULL)
                OR (e.state = 'failed') <> (e.error_code <> '' AND e.error LIKE '%.')
            """
        )
        assert broken == [], "a row that is neither ready nor failed with a code and a sentence"
        several = self.postgres.rows(
            "SELECT image_id, model_id FROM recommendations_imageembedding GROUP BY 1, 2 HAVING count(*) > 1"
        )
        assert several == [], "more than one vector of a picture and model"

    def _assert_no_orphan_files(self) -> None:
        stored = {str(path.relative_to(self.media)) for path in self.media.glob("products/**/*") if path.is_file()}
        known = {name for (name,) in self.postgres.rows("SELECT file FROM catalog_productimage")}
        assert stored <= known, "files without a row"

    def _assert_retry_works(self, failed: int) -> None:
        """Every failed picture is retried by any worker, and is then ready or failed with a reason."""
        marked = "state = 'failed' AND error = 'Not tried again.'"
        self.postgres.rows(
            "UPDATE recommendations_imageembedding SET error = 'Not tried again.' WHERE state = 'failed'"
        )
        assert self.postgres.value(f"SELECT count(*) FROM recommendations_imageembedding WHERE {marked}") == failed
        self.manage("embed_catalog", "--failed")
        self.until_settled()
        assert self.postgres.value(f"SELECT count(*) FROM recommendations_imageembedding WHERE {marked}") == 0
        self._assert_every_row_whole()

    def close(self) -> None:
        """Kill everything: nothing needs a graceful shutdown."""
        for process in self._started:
            if process.running:
                process.kill()
        if self.postgres.pid is not None:
            self.postgres.crash()
        self.services.leave()
        shutil.rmtree(self.services.layout.sockets, ignore_errors=True)
