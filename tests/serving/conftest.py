from tests.processes.conftest import start

__all__ = ["start"]
