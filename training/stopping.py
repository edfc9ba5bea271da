"""Ending a run early: a signal asks for it, and every process leaves at the same step, once the state is saved."""

from __future__ import annotations

import os
import signal

import torch
from accelerate import Accelerator


class Stopped(Exception):
    """The run was asked to stop (SIGTERM, Ctrl-C, a closed terminal) and has saved its state.

    Attributes:
        status: what the program exits with, as one that the signal ends: 128 plus the signal's number.
    """

    def __init__(self, number: int):
        super().__init__()
        self.status = 128 + number


class Stop:
    """Whether a run is to stop.

    Attributes:
        number: the number of the signal by which this process was asked; 0 where it was not.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.number = accelerator, 0

    def everyone(self) -> int:
        """The number of a signal by which any process was asked to stop, else 0: all must leave at the same step."""
        if self.accelerator.num_processes == 1:
            return self.number
        numbers = torch.tensor([self.number], device=self.accelerator.device)
        return int(self.accelerator.gather(numbers).max())

    def listen(self) -> None:
        """Lets SIGTERM, Ctrl-C and a closed terminal ask.

        A second Ctrl-C ends the program at once. A signal that is ignored, as under nohup, stays so.
        """
        terminals = [fd for fd in (1, 2) if os.isatty(fd)]

        def ask(number: int, _: object) -> None:
            self.number = number
            if number == signal.SIGINT:
                signal.signal(number, signal.default_int_handler)
                os.write(2, b"\nstopping, once the state is saved; Ctrl-C again ends at once\n")
            elif number != signal.SIGTERM:  # there is no terminal any more, and writing to it would be an error
                nowhere = os.open(os.devnull, os.O_WRONLY)
                for fd in terminals:
                    os.dup2(nowhere, fd)

        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows lacks one
            if number and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, ask)
