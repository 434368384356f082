"""A shop of its own for one test run: fresh VAR_DIR, embedded Postgres and Redis, no `.env`.

Loaded with `-p` (pyproject.toml): pytest-django reads the settings before any conftest.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

# Before Django reads its settings. Registered before the embedded services register theirs, so run after them.
VAR_DIR = Path(tempfile.mkdtemp(prefix="lookalike-tests-"))
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)
os.environ.update(
    ENV_FILE=os.devnull,
    SECRET_KEY="only-for-tests",
    VAR_DIR=str(VAR_DIR),
    HTTPS_ONLY="false",
    EMBEDDING_WEIGHTS="untrained",
    # Tests ask faster than people do; those of the limits set their own.
    PAGE_RATE="",
    API_RATE="",
    SEARCH_RATE="",
)
for name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "MEDIA_ROOT"):
    os.environ.pop(name, None)

# Scripts let what they start in the background ignore Ctrl-C. Processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
