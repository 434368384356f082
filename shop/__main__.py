"""`python -m shop web|worker|scheduler` starts one of the three processes of a running shop, with the right options.

The demo runs all three; docker-compose.yml runs each in its own container.
"""

from __future__ import annotations

import os
import resource
import sys
from argparse import ArgumentParser
from pathlib import Path

from common.arguments import positive

BIN = Path(sys.executable).parent
CONNECTIONS = 1000  # per web process; each slow one may need a temporary file as well


def web(bind: str, processes: int) -> list[str]:
    """Threads serve pages that wait for Postgres; every additional process loads its own copy of the network."""
    os.environ.setdefault("DATABASE_POOL", "true")
    _allow_files(2 * CONNECTIONS)
    return [
        "gunicorn", "shop.wsgi", "--bind", bind, "--worker-class", "shop.serving.worker.BufferingWorker",
        "--workers", str(processes), "--threads", "8", "--worker-connections", str(CONNECTIONS), "--no-sendfile",
        "--timeout", "60", "--graceful-timeout", "10", "--log-level", "warning", "--no-control-socket",
        "--limit-request-line", "8190",  # links to photo searches contain a vector
    ]  # fmt: skip


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = count + 256 if hard == resource.RLIM_INFINITY else min(count + 256, hard)
    if soft != resource.RLIM_INFINITY and soft < room:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))


def worker() -> list[str]:
    """Starts WORKER_PROCESSES children that run one task at a time. One is enough, because the network uses every core.

    Without Celery's heartbeat: while the broker is silent, the worker would resend it forever and do nothing else.
    """
    return [
        "celery", "--quiet", "-A", "shop", "worker", "--pool", "prefork",
        "--queues", "interactive,bulk,maintenance,renditions", "--loglevel", "INFO",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip


def scheduler() -> list[str]:
    return ["celery", "--quiet", "-A", "shop", "beat", "--loglevel", "WARNING"]


def parser_of_processes() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m shop", description="Run one process of the shop in the foreground.")
    which = parser.add_subparsers(dest="process", required=True, metavar="web|worker|scheduler")
    serve = which.add_parser("web", help="the pages and the API, on gunicorn")
    serve.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT", help="default: %(default)s")
    serve.add_argument("--processes", type=positive, default=1, metavar="N", help="default: %(default)s")
    which.add_parser("worker", help="embeds pictures; run one per machine")
    which.add_parser("scheduler", help="starts periodic work; run exactly one")
    return parser


def main() -> None:
    chosen = parser_of_processes().parse_args()
    if chosen.process == "web":
        command = web(chosen.bind, chosen.processes)
    else:
        command = worker() if chosen.process == "worker" else scheduler()
    program = BIN / command[0]
    if not program.exists():
        sys.exit(
            f"{program} is not installed. To run the {chosen.process}, install requirements/web.txt or "
            "requirements/worker.txt, or run `make setup`."
        )
    os.execv(program, [str(program), *command[1:]])  # noqa: S606  (replaces this process, so signals reach the program)


if __name__ == "__main__":
    main()
