"""The workers and worklets of a page: each is given its clock before its script runs."""

import asyncio

from helios.renderer.browser.devtools import Params
from helios.renderer.page.options import PageOptions
from helios.renderer.page.scripts import worker_script, worklet_script
from helios.renderer.page.session import PageSession

_ATTACH: Params = {
    "autoAttach": True,
    "waitForDebuggerOnStart": True,
    "flatten": True,
    "filter": [{"type": "worker"}, {"type": "worklet"}, {"exclude": True}],
}
_BEFORE_SCRIPTS = {"instrumentation": "beforeScriptExecution"}


class PageWorkers:
    """Holds each worker up, those that workers start included, until it has its clock."""

    def __init__(self, session: PageSession, options: PageOptions) -> None:
        self._session = session
        self._options = options

    async def listen(self) -> None:
        """Attend to every worker from now on."""
        self._session.on("Target.attachedToTarget", self._on_start)
        await self._session.call("Target.setAutoAttach", _ATTACH)

    def _on_start(self, event: Params) -> None:
        """Let a worker run up to the first line of its script: its globals aren't there before."""
        worker = event["sessionId"]
        if event["targetInfo"]["type"] == "worklet":
            self._call("Runtime.evaluate", {"expression": worklet_script(self._options)}, worker)
            self._call("Runtime.runIfWaitingForDebugger", {}, worker)
            return
        devtools = self._session.devtools
        devtools.on("Target.attachedToTarget", self._on_start, worker)
        devtools.on("Debugger.paused", lambda _: self._on_script(worker), worker)
        self._call("Target.setAutoAttach", _ATTACH, worker)
        self._call("Debugger.enable", {}, worker)
        self._call("Debugger.setInstrumentationBreakpoint", _BEFORE_SCRIPTS, worker)
        self._call("Runtime.runIfWaitingForDebugger", {}, worker)

    def _on_script(self, worker: str) -> None:
        self._call("Runtime.evaluate", {"expression": worker_script(self._options)}, worker)
        # Lets it go on, too.
        self._call("Debugger.disable", {}, worker)

    def _call(self, method: str, params: Params, worker: str) -> None:
        # A worker may end before it has answered.
        answer = self._session.devtools.start(method, params, worker)
        answer.add_done_callback(_ignore)


def _ignore(answer: "asyncio.Future[Params]") -> None:
    if not answer.cancelled():
        answer.exception()
