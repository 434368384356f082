#!/usr/bin/env python
"""Every command of the shop; `manage.py help` lists them."""

import os
import signal
import sys

try:
    from django.core.management import execute_from_command_line
except ImportError:
    sys.exit("Django is not installed in this Python. Run `make setup`, then use `.venv/bin/python manage.py`.")

from django.db import OperationalError, ProgrammingError
from environs import EnvError

from shop.embedded.servers import ServiceError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    # A terminated command still leaves in order, so that the last one out stops the embedded services.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for argument in sys.argv:
        try:
            argument.encode()
        except UnicodeEncodeError:
            sys.exit(f"The argument {os.fsencode(argument)!r} is not UTF-8. Type it again, or rename the file.")
    try:
        execute_from_command_line(sys.argv)
    except EnvError as error:
        sys.exit(f"{error}\nSet it in the environment or in .env; `make setup` writes a first .env.")
    except ServiceError as error:
        sys.exit(str(error))
    except OperationalError as error:
        if (code := getattr(error.__cause__, "sqlstate", None)) and not code.startswith(("08", "28", "3D", "57P")):
            raise  # not about the connection
        reason = str(error).strip().splitlines()
        sys.exit(
            f"The database cannot be used: {reason[0] if reason else 'the connection was lost'}\n"
            "Start Postgres, or correct DATABASE_URL in the environment or in .env. Then run this again."
        )
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) not in ("42P01", "42703"):  # a table or a column is missing
            raise
        sys.exit(
            f"The database is not up to date: {str(error).splitlines()[0]}\nRun manage.py migrate, then this again."
        )
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
