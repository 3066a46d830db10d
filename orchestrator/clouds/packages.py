"""Optional Python packages: the clients of each cloud."""

import importlib.util

from helios.errors import ProgramMissing


def require(module: str, purpose: str, *, extra: str) -> None:
    """Refuse to go on unless an optional package is installed.

    The message names what needs it (`purpose`), and the extra of this distribution with it.
    """
    try:
        if importlib.util.find_spec(module) is not None:
            return
    except ModuleNotFoundError:
        # The package that would contain the module isn't installed either.
        pass
    raise ProgramMissing(
        f"{purpose}: the Python package {module} isn't installed",
        hint=f"Install helios-serverless[{extra}].",
    )
