# SPDX-License-Identifier: Apache-2.0
"""dnstapshim check: the configuration, and the collectors behind it."""

import os
import pathlib
import socket
import threading

from harness import cli
from harness.collector import Collector

CONF = "/mnt/x.conf"


def test_prints():
    pathlib.Path(CONF).write_text(
        "ports 53 5353\ndnstap /mnt/tap.sock full 2 3 {\n identity me\n}\n"
        "dnstap tcp://127.0.0.1:6000\n")
    shown = cli.good("check", CONF)
    assert "dnstap /mnt/tap.sock full 2 3 {" in shown and "identity me" in shown
    assert "dnstap tcp://127.0.0.1:6000 {" in shown
    assert cli.good("check", "-", input=shown.encode()) == shown
    text = pathlib.Path(CONF).read_bytes()
    assert cli.good("check", "-", input=text) == shown
    assert cli.good("check", environment={"DNSTAP_CONFIG": CONF}) == shown


def test_prints_proxies():
    """Whose headers are believed, by the text, the environment or neither."""
    def shown(text, **environment):
        said = cli.good("check", "-", input=text, environment=environment)
        return [line for line in said.splitlines() if line.startswith("proxies ")]

    assert shown(b"/x") == ["proxies any"]
    assert shown(b"/x", DNSTAP_PROXIES="none") == ["proxies none"]
    assert shown(b"proxies 192.0.2.0/24 ::ffff:192.0.3.1,2001:db8::/32\n/x",
                 DNSTAP_PROXIES="none") == [
        "proxies 192.0.2.0/24,192.0.3.1,2001:db8::/32"]
    said = cli.refused(cli.CONFIG, "check", "-", input=b"proxies 192.0.2.1/24\n/x")
    assert "1:9:" in said and '"192.0.2.1/24"' in said, said


def test_refuses():
    said = cli.refused(cli.CONFIG, "check", "-", input=b"/x ful\ntcp://\n")
    assert len(said.splitlines()) == 2 and '"ful"' in said, said
    assert "check: standard input:1:4: " in said, said
    assert "No such file" in cli.refused(cli.NOINPUT, "check", "/none")
    assert "/mnt: Is a directory" in cli.refused(cli.NOINPUT, "check", "/mnt")
    said = cli.refused(cli.NOINPUT, "check", "-", input=b"/x full\n\0/y")
    assert "standard input: has a NUL octet" in said, said
    said = cli.refused(cli.NOINPUT, "check", "-", input=b"#" * (1 << 20) + b"\n")
    assert "standard input: is longer than 1 MiB" in said, said
    assert "'b'" in cli.refused(cli.USAGE, "check", "a", "b")
    assert "'--x'" in cli.refused(cli.USAGE, "check", "--x")
    assert "usage:" in cli.good("check", "--help")


def test_pipe():
    """A file that is a pipe is read, as <(...) of a shell gives it."""
    reading, writing = os.pipe()
    os.write(writing, b"dnstap /x ful\n")
    os.close(writing)
    path = f"/proc/{os.getpid()}/fd/{reading}"
    said = cli.refused(cli.CONFIG, "check", path)
    assert f"check: {path}:1:11: " in said, said


def hang_up(listener):
    listener.accept()[0].close()


def test_connects():
    unix, tcp = Collector(), Collector(port=6000)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("/mnt/rude.sock")
        listener.listen()
        threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
        done = cli.run("check", "--connect", "-", input="\n".join((
            unix.endpoint, tcp.endpoint, "tcp://127.0.0.1:9", "/mnt/none.sock",
            "/mnt/rude.sock", "listen /mnt/own.sock", "listen tcp://127.0.0.1:6000",
            "listen tcp://127.0.0.1:6001", "file:///mnt/x.fstrm",
            "file:///none/x.fstrm")).encode())
    lines = done.stdout.decode().splitlines()
    expected = (
        (unix.endpoint, "ok: ACCEPT came", "FINISH at the end"),
        (tcp.endpoint, "ok: ACCEPT came", "FINISH at the end"),
        ("tcp://127.0.0.1:9", "failed: cannot connect: Connection refused"),
        ("/mnt/none.sock", "failed: cannot connect: No such file"),
        ("/mnt/rude.sock", "failed: connected, but", "hung up"),
        ("/mnt/own.sock", "ok: "),
        ("tcp://127.0.0.1:6000", "failed: cannot listen there"),
        ("tcp://127.0.0.1:6001", "ok: "),
        ("file:///mnt/x.fstrm", "ok: "),
        ("file:///none/x.fstrm", "failed: /none: No such file"))
    assert len(lines) == len(expected), lines
    for line, (endpoint, *words) in zip(lines, expected):
        assert line.startswith(f"{endpoint}: "), line
        assert all(word in line for word in words), line
    assert done.returncode == cli.UNAVAILABLE
    assert unix.taps() == tcp.taps() == []
    assert not os.path.exists("/mnt/own.sock")
    assert not os.path.exists("/mnt/x.fstrm")
