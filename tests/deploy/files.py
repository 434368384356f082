"""Reads the deployment files as the tools do."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
CADDYFILE = ROOT / "deploy" / "Caddyfile"
SECRETS = dict.fromkeys(
    ("SECRET_KEY", "POSTGRES_PASSWORD", "POSTGRES_SUPERUSER_PASSWORD", "REDIS_PASSWORD"), "only-for-tests"
)


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path, f"No {name} here: tests/tools.sh, which `make test` runs, installs it on Debian."
    return path


def compose_config(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` with these variables only; the developer's .env is ignored."""
    program = tool("docker-compose")
    with tempfile.NamedTemporaryFile(suffix=".env") as nothing:
        return subprocess.run(
            [program, "-f", str(COMPOSE_FILE), "--env-file", nothing.name, "config", *options],
            env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip


def declared() -> dict[str, Any]:
    """The services of docker-compose.yml as written: anchors resolved, variables not."""
    return yaml.safe_load(COMPOSE_FILE.read_text())["services"]


def environment(service: str, **variables: str) -> dict[str, str]:
    """The environment that docker-compose gives the service, with these variables in .env."""
    done = compose_config(**SECRETS, **variables)
    assert done.returncode == 0, done.stderr
    given = yaml.safe_load(done.stdout)["services"][service]["environment"]
    return {name: value for name, value in given.items() if value is not None}


@dataclass
class Stage:
    """One stage of the Dockerfile, with everything it inherits."""

    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    user: str = "root"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(name, rest.strip()) for name, rest in re.findall(r"(?m)^([A-Z]+)\s+(.*)$", text)]


def image(target: str) -> Stage:
    """Contents and command of the image of `target`."""
    stages: dict[str, Stage] = {}
    now = Stage()
    for name, rest in instructions():
        if name == "FROM":
            parent, _, stage = rest.partition(" AS ")
            inherited = stages.get(parent, Stage())
            now = stages[stage] = Stage(
                dict(inherited.environment), inherited.entrypoint, inherited.command,
                list(inherited.copied), list(inherited.runs), inherited.user,
            )  # fmt: skip
        elif name == "ENV":
            now.environment.update(pair.split("=", 1) for pair in shlex.split(rest))
        elif name == "ENTRYPOINT":
            now.entrypoint = json.loads(rest)
        elif name == "CMD":
            now.command = json.loads(rest)
        elif name == "USER":
            now.user = rest
        elif name == "RUN":
            now.runs.append(rest)
        elif name == "COPY" and rest.startswith("--from="):
            now.copied += stages[rest.split()[0].removeprefix("--from=")].copied
        elif name == "COPY":
            now.copied += rest.split()[:-1]
    return stages[target]
