"""A window that all renders on this machine share, and that outlives them."""

import contextlib
import hashlib
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from orchestrator.job_repository.file_lock import FileLock, is_locked
from orchestrator.scheduling.concurrency_limit import START, AdaptiveConcurrencyLimit, fair_share

#: Seconds after which it is looked up again what other renders are at.
REFRESH = 0.5
_WINDOW = "window.json"
_USER = ".user"
# Seconds for which a window that another render is writing is waited for.
_PATIENCE = 0.05


class _Stored(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="ignore")

    endpoint: str
    size: float = Field(default=START, ge=1, allow_inf_nan=False)
    threshold: float | None = Field(default=None, ge=1, allow_inf_nan=False)
    turn: int = Field(default=0, ge=0)


class SharedConcurrencyLimit(AdaptiveConcurrencyLimit):
    """The window of an endpoint, kept in a folder beside what each render on it has under way.

    Each render has a file there that it holds a lock on, so that one that is killed isn't counted
    any more. A folder that can't be used leaves the render with a window of its own.

    Parameters
    ----------
    endpoint:
        What is throttled as a whole: a function of an account, a service.
    folder:
        Where windows are kept.
    clock:
        Returns seconds that never go back.
    """

    __slots__ = ("_clock", "_endpoint", "_folder", "_grown", "_looked", "_mine", "_share", "_wants")

    def __init__(
        self, endpoint: str, *, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._folder = folder / hashlib.sha256(endpoint.encode()).hexdigest()[:16]
        self._clock = clock
        self._mine: FileLock | None = None
        self._grown = 0.0
        self._wants = 0.0
        self._share = math.inf
        self._looked = -math.inf

    @property
    def limit(self) -> int:
        """Jobs that this render may have under way: its fair share."""
        self._look_if_due()
        return max(1, int(min(self.size, self._share)))

    def took(self, *, under_way: int) -> float:
        growth = super().took(under_way=under_way)
        self._grown += growth
        return growth

    def throttled(self, turn: int) -> bool:
        with self._stored():
            return super().throttled(turn)

    def wants(self, jobs: float) -> None:
        self._wants = jobs
        self._look_if_due()

    def leave(self) -> None:
        with self._stored():
            pass
        if self._mine is not None:
            self._mine.path.unlink(missing_ok=True)
            self._mine.release()
            self._mine = None

    def _look_if_due(self) -> None:
        """Exchange with other renders what each has learned and wants."""
        if self._clock() - self._looked < REFRESH:
            return
        self._looked = self._clock()
        with self._stored():
            pass
        with contextlib.suppress(OSError):
            self._say_what_is_wanted()
            self._share = fair_share(self.size, list(self._others()))

    @contextlib.contextmanager
    def _stored(self) -> Iterator[None]:
        """Let the window be as all renders know it for the time of a context, and keep it then."""
        with contextlib.ExitStack() as stack:
            path = self._folder / _WINDOW
            kept = False
            with contextlib.suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                path.touch()
                kept = stack.enter_context(FileLock(path)).take(patience=_PATIENCE)
            if kept:
                self._adopt(path)
            yield
            if kept:
                self._keep(path)

    def _adopt(self, path: Path) -> None:
        try:
            stored = _Stored.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            # Nobody has been here, or somebody was cut off while writing.
            return
        self.size = stored.size + self._grown
        self.threshold = math.inf if stored.threshold is None else stored.threshold
        self.turn = max(self.turn, stored.turn)

    def _keep(self, path: Path) -> None:
        threshold = None if math.isinf(self.threshold) else self.threshold
        stored = _Stored(
            endpoint=self._endpoint, size=self.size, threshold=threshold, turn=self.turn
        )
        # In place, because the lock is on this very file.
        with contextlib.suppress(OSError):
            path.write_text(stored.model_dump_json(by_alias=True, exclude_none=True), "utf-8")
            self._grown = 0.0

    def _say_what_is_wanted(self) -> None:
        if self._mine is None:
            path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}{_USER}"
            path.touch()
            lock = FileLock(path)
            if not lock.take():
                return
            self._mine = lock
        self._mine.note(repr(self._wants))

    def _others(self) -> Iterator[float]:
        for path in self._folder.glob(f"*{_USER}"):
            if self._mine is not None and path == self._mine.path:
                continue
            with contextlib.suppress(OSError, ValueError):
                if is_locked(path):
                    yield float(path.read_text("utf-8"))
                else:
                    path.unlink(missing_ok=True)


def admission_folder(env: Mapping[str, str]) -> Path:
    """Return where windows are kept: where the state of a user's programs goes."""
    given = Path(env.get("XDG_STATE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".local/state"
    return base / "helios" / "admission"
