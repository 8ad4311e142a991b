# SPDX-License-Identifier: Apache-2.0
"""What all commands do where a standard stream is full, closed, or what they read."""

import os
import pathlib
import signal
import subprocess

from harness import cli, sample
from harness.process import ENVIRONMENT, PATIENCE

FILE, CUT = "/mnt/in.fstrm", "/mnt/cut.fstrm"


def shell(line):
    """Run by a shell, as that can close streams; $0 is the command."""
    return subprocess.run(["sh", "-c", line, cli.COMMAND], capture_output=True,
                          timeout=PATIENCE, env={**ENVIRONMENT, "TZ": "UTC"})


def write():
    data = sample.stream(sample.payloads(3))
    pathlib.Path(FILE).write_bytes(data)
    pathlib.Path(CUT).write_bytes(data[:-20])
    return data


def test_full():
    """What cannot be shown is said, once, and is no success."""
    write()
    for words in ("help", "help run", "version", "check --help", "check",
                  "inspect named", "completion bash", f"top -b -n 1 -r {FILE}",
                  f"read -r {FILE}", f"read --stats -r {FILE}"):
        for where, why in ((">/dev/full", b"No space left"),
                           (">&-", b"Bad file descriptor")):
            done = shell(f"$0 {words} {where}")
            said = [line for line in done.stderr.splitlines()
                    if b": standard output: " in line]
            assert done.returncode == cli.IOERR, (words, where, done)
            assert len(said) == 1 and why in said[0], (words, where, done)


def test_enough():
    """Whoever reads the pipe has seen enough: that is no failure, and nothing is said."""
    write()
    pathlib.Path("/mnt/x.conf").write_text("dnstap /mnt/none.sock\n" * 60)
    reading, writing = os.pipe()
    os.close(reading)
    for words, status in (("help", 0), ("check", 0), (f"read -r {FILE}", 0),
                          (f"top -b -r {FILE}", 0),
                          ("check --connect /mnt/x.conf", cli.UNAVAILABLE)):
        for killed in True, False:  # by SIGPIPE, which this process ignores
            done = subprocess.run([cli.COMMAND, *words.split()], stdout=writing,
                                  stderr=subprocess.PIPE, restore_signals=killed,
                                  env=ENVIRONMENT, timeout=PATIENCE)
            assert done.returncode in (status, -signal.SIGPIPE), (words, killed, done)
            assert b"standard output" not in done.stderr, done.stderr


def test_closed():
    """No file gets the number of a stream that is closed: neither what is said nor what
    is read goes astray."""
    write()
    done = shell("$0 read - <&-")
    assert done.returncode == cli.DATAERR and b"Bad file" in done.stderr, done
    for closed in "<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-":
        for last, status in (FILE, 0), (CUT, cli.DATAERR):
            done = shell(f"$0 read -r {last} -o flat -w /mnt/out {closed}")
            text = pathlib.Path("/mnt/out").read_text()
            assert done.returncode == status, (closed, done)
            assert all(line.startswith("{") for line in text.splitlines()), text
    done = shell("$0 run -t /mnt/none.sock -- ls /proc/self/fd 0<&- 2>&-")
    assert b"2" not in done.stdout.split(), done  # 0 is the directory


def test_itself():
    """What is read is not written over."""
    data = write()
    os.link(FILE, "/mnt/link")
    for words in (f"-r {FILE} -w {FILE}", f"-r {FILE} -w /mnt/link",
                  f"-r {CUT} -r {FILE} -q -a -w {FILE}", f"-w {FILE} - <{FILE}",
                  f"-r {FILE} -o fstrm >>{FILE}"):
        done = shell(f"$0 read {words}")
        assert done.returncode == cli.USAGE, (words, done)
        assert b"is read" in done.stderr, (words, done)
        assert pathlib.Path(FILE).read_bytes() == data, words
    assert shell(f"$0 read -r {FILE} -w /dev/null").returncode == 0
