# SPDX-License-Identifier: Apache-2.0
"""A terminal with a program on it, and what a user sees there."""

import fcntl
import os
import select
import struct
import subprocess
import termios

import pyte

from . import namespace
from .process import PATH, PATIENCE, until

LEAVES = b"\x1b[?1049l"  # the way back to what was there before
SHOWS_CURSOR = b"\x1b[?25h"


class Terminal:
    """Of so many lines and columns; what is on it is read when it is asked for."""

    def __init__(self, arguments, lines=24, columns=80, term="screen-256color",
                 **environment):
        self.keyboard, self.user = os.openpty()
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._set_size(lines, columns)
        self.before = termios.tcgetattr(self.user)
        self.errors = f"{namespace.ROOM}/terminal.log"
        with open(self.errors, "wb") as errors:
            self.child = subprocess.Popen(
                list(map(str, arguments)), stdin=self.user, stdout=self.user,
                stderr=errors, start_new_session=True, preexec_fn=self._take_over,
                env={"PATH": PATH, "TZ": "UTC", "TERM": term, **environment})

    def _take_over(self):
        fcntl.ioctl(self.user, termios.TIOCSCTTY, 0)

    def _set_size(self, lines, columns):
        fcntl.ioctl(self.keyboard, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, lines, columns):
        self.read()
        self.screen.resize(lines, columns)
        self._set_size(lines, columns)

    def press(self, keys):
        os.write(self.keyboard, keys.encode())

    def read(self):
        """Takes in what has been written. Returns the lines as they stand there."""
        while select.select([self.keyboard], [], [], 0)[0]:
            data = os.read(self.keyboard, 1 << 16)
            self.raw += data
            self.stream.feed(data)
        return self.screen.display

    def shows(self, what):
        """Until there is this text, or what a function of the lines wants. Returns the
        lines."""
        wanted = what if callable(what) else lambda lines: any(what in line for line in lines)

        def seen():
            assert self.child.poll() is None, (self.child.poll(), self.said())
            lines = list(self.read())
            return wanted(lines) and lines
        try:
            return until(seen, what)
        except AssertionError:
            print("\n".join(self.read()))
            raise

    def said(self):
        with open(self.errors) as errors:
            return errors.read()

    def ends(self):
        """Awaits its end; all that was changed must be as before. Returns its status."""
        until(lambda: self.read() and self.child.poll() is not None, "it does not end",
              PATIENCE)
        self.read()
        assert termios.tcgetattr(self.user) == self.before
        return self.child.returncode

    def is_restored(self):
        """Of a program that had the whole screen."""
        return LEAVES in self.raw and \
            self.raw.rfind(SHOWS_CURSOR) > self.raw.rfind(b"\x1b[?25l")
