"""SIGTERM in one of several processes: told once, and never lost on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from passerby.training.processes import Processes, Stopped


class Signals:
    """While it is entered, SIGTERM raises Stopped, once, in the process `here`; those that it forks
    die of it as ever.

    Python drops what is raised in a `__del__` or a callback, where a signal may well arrive: `here`
    is told too, and looks whenever it turns to the others. last: nothing follows in this process
    but a line about what ended it, so what `deaf` did is not undone then: no signal cuts the line
    off.
    """

    def __init__(self, here: Processes, last: bool) -> None:
        self.here, self.last, self.own = here, last, os.getpid()
        self.heard = threading.current_thread() is threading.main_thread()  # Python's rule
        self.before: dict[int, Any] = {}
        self.unraisable: Callable[[Any], object] = sys.unraisablehook

    def __enter__(self) -> Signals:
        self._answer(signal.SIGTERM, self._stop)
        if self.heard:
            sys.unraisablehook = self._dropped
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: object) -> None:
        if not (self.last and error):
            for number, answer in self.before.items():
                signal.signal(number, answer)
        if self.heard:
            sys.unraisablehook = self.unraisable
        if isinstance(error, Stopped):  # before all had come: nobody to agree with on who tells
            raise SystemExit(2) from None

    def deaf(self) -> None:
        """What ends this process has happened: SIGTERM, and a data worker that ends of it, change
        nothing any more.
        """
        self._answer(signal.SIGTERM, signal.SIG_IGN)
        self._answer(signal.SIGCHLD, lambda *_: None)  # not SIG_DFL: one may be under way

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as Python has it
        if os.getpid() != self.own:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self.deaf()
        self.here.stopped = True
        raise Stopped

    def _answer(self, number: int, answer: Any) -> None:
        if self.heard:
            before = signal.signal(number, answer)
            self.before.setdefault(number, signal.SIG_DFL if before is None else before)

    def _dropped(self, told: Any) -> None:
        if told.exc_type is not Stopped:
            self.unraisable(told)
