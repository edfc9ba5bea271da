"""Ending a run early: a signal asks for it, and every process leaves at the same step, once the state is saved."""

from __future__ import annotations

import os
import signal

import torch
from accelerate import Accelerator


class Stopped(Exception):
    """The run was asked to stop (SIGTERM, Ctrl-C, a closed terminal) and has saved its state.

    Attributes:
        status: the program's exit status: 128 plus the signal's number, as if the signal had ended it.
    """

    def __init__(self, number: int):
        super().__init__()
        self.status = 128 + number


class Stop:
    """Whether a run is to stop.

    Attributes:
        number: the number of the signal that asked this process to stop; 0 if none did.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.number = accelerator, 0

    def everyone(self) -> int:
        """The number of a signal that asked any process to stop, else 0. All processes must stop at the same step."""
        if self.accelerator.num_processes == 1:
            return self.number
        numbers = torch.tensor([self.number], device=self.accelerator.device)
        return int(self.accelerator.gather(numbers).max())

    def listen(self) -> None:
        """Lets SIGTERM, Ctrl-C and a closed terminal ask the run to stop.

        A second Ctrl-C ends the program at once. A signal that is ignored, as under nohup, stays ignored.
        """
        terminals = [fd for fd in (1, 2) if os.isatty(fd)]

        def ask(number: int, _: object) -> None:
            self.number = number
            if number == signal.SIGINT:
                signal.signal(number, signal.default_int_handler)
                os.write(2, b"\nstopping as soon as the state is saved; press Ctrl-C again to stop at once\n")
            elif number != signal.SIGTERM:  # there is no terminal any more, and writing to it would be an error
                nowhere = os.open(os.devnull, os.O_WRONLY)
                for fd in terminals:
                    os.dup2(nowhere, fd)

        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows lacks one
            if number and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, ask)
