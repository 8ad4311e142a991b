# SPDX-License-Identifier: Apache-2.0
"""The command dnstapshim, as a user runs it."""

import os
import subprocess

from .process import ENVIRONMENT, PATIENCE

COMMAND = f"{os.environ.get('DNSTAPSHIM_BUILD', 'build')}/dnstapshim"
USAGE, DATAERR, NOINPUT, UNAVAILABLE, CANTCREAT, IOERR, NOPERM, CONFIG = (
    64, 65, 66, 69, 73, 74, 77, 78)


def run(*arguments, input=b"", environment=None):
    return subprocess.run(
        [COMMAND, *map(str, arguments)], input=input, capture_output=True,
        timeout=PATIENCE, env={**ENVIRONMENT, "TZ": "UTC", **(environment or {})})


def good(*arguments, **settings):
    """What it prints; it must succeed."""
    done = run(*arguments, **settings)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr)
    return done.stdout.decode()


def refused(status, *arguments, **settings):
    """What it says on stderr; it must end so, and print nothing."""
    done = run(*arguments, **settings)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    assert done.stdout == b"", (arguments, done.stdout)
    return done.stderr.decode()
