"""Where chunks may run, by the names that people give."""

from helios.errors import OptionInvalid
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter


def choose_adapter(name: str) -> WorkerAdapter:
    """Return the adapter of a name.

    Raises
    ------
    OptionInvalid
        There is no such adapter.
    """
    if name != "local":
        raise OptionInvalid(f"adapter {name!r}: not known", hint="Adapters: local.")
    return LocalWorkerAdapter()
