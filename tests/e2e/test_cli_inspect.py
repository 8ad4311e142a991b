# SPDX-License-Identifier: Apache-2.0
"""dnstapshim inspect: the right verdict, in the first line."""

import os
import pathlib
import shutil
import struct
import subprocess

from harness import cli, control, load, namespace, servers
from harness.collector import Collector, build_golang
from harness.each import each
from harness.process import Process, program, until
from harness.scene import Scene

BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
SERVERS = ["named", "unbound", "nsd", "knotd", "pdns_server", "pdns_recursor",
           "dnsmasq", "tinydns", "gdnsd", "yadifad", "rbldnsd", "dnsdist",
           "kresd", "smartdns"]
HOOKED = {"named": ["syscall", "libuv.so.1", "uses OpenSSL (libisc-"],
          "knotd": ["recvmmsg", "sendmmsg"],
          "kresd": ["uses GnuTLS (kresd", "its DNS over TLS and HTTPS is seen"],
          "tinydns": ["recvfrom", "sendto"], "dnsmasq": ["recvmsg", "write"]}


@each(SERVERS)
def test_server(name):
    shown = cli.good("inspect", name)
    assert shown.startswith("yes: "), shown
    assert "NOT hooked" not in shown
    for word in HOOKED.get(name, []):
        assert word in shown, (word, shown)


def refused(path):
    done = cli.run("inspect", path)
    assert done.returncode == cli.UNAVAILABLE, done
    first, *_ = done.stdout.decode().splitlines()
    assert first.startswith("no: "), first
    return first


def compile(name, source, *options):
    subprocess.run(["cc", "-x", "c", "-", "-o", f"/mnt/{name}", *options],
                   input=source, text=True, check=True)
    return f"/mnt/{name}"


def test_static():
    path = compile("static", "int main(void) { return 0; }", "-static")
    assert "statically linked" in refused(path)


def test_go():
    assert "Go" in refused(build_golang(BUILD))


def test_musl():
    """Only the loader's name tells; the library for it is another file."""
    path = compile("musl", "#include <sys/socket.h>\n"
                   "int main(void) { return recv(0, 0, 0, 0); }",
                   "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
    command = f"{namespace.ROOM}/dnstapshim"
    shutil.copy2(cli.COMMAND, command)

    def said(*words):
        done = subprocess.run([command, *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    run = "run", "-t", "/mnt/tap.sock", "--", path
    for words in ("inspect", path), run:
        status, text = said(*words)
        assert status == 69 and "libdnstapshim-musl.so" in text, (status, text)
    pathlib.Path("/mnt/libdnstapshim-musl.so").touch()
    status, text = said("inspect", path)
    assert status == 0 and text.startswith("yes") and "linked with musl" in text, text
    status, text = said("run", "-t", "/mnt/tap.sock", "--library",
                        str(BUILD / "libdnstapshim.so"), "--", path)
    assert status == 69 and "this library with glibc" in text, (status, text)


def test_other_machine():
    data = bytearray(pathlib.Path("/bin/true").read_bytes())
    data[18:20] = struct.pack("<H", 183)
    pathlib.Path("/mnt/other").write_bytes(data)
    assert "64-bit ARM" in refused("/mnt/other")


def test_set_id():
    path = program("dig")
    os.chmod(path, 0o4755)
    assert "set-user-id" in refused(path)
    os.chmod(path, 0o2755)
    assert "set-group-id" in refused(path)


def test_file_capabilities():
    """cap_net_bind_service=ep, as setcap(8) would write it."""
    path = program("dig")
    os.setxattr(path, "security.capability",
                struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    assert "file capabilities" in refused(path)


def test_no_dns():
    assert "could carry DNS" in refused("/bin/true")


def test_script():
    script = pathlib.Path("/mnt/start")
    script.write_text("#!/usr/bin/env python3\n")
    script.chmod(0o755)
    shown = cli.good("inspect", script)
    assert shown.startswith("yes: /usr/bin/python3"), shown
    assert "script" in shown
    script.write_text("#!/bin/sh -e\n")
    assert cli.good("inspect", script).startswith("partly: /usr/bin/dash")


def test_damaged():
    """Any octets under an ELF header are judged, or refused, in peace."""
    whole = pathlib.Path(shutil.which("tinydns", path="/usr/sbin:/usr/bin"))
    data = whole.read_bytes()
    for at in range(16, 1024, 7):
        harmed = bytearray(data)
        harmed[at:at + 4] = b"\xff\xff\xff\x7f"
        pathlib.Path("/mnt/damaged").write_bytes(harmed)
        assert cli.run("inspect", "/mnt/damaged").returncode in (0, 66, 69)
        pathlib.Path("/mnt/damaged").write_bytes(data[:at])
        assert cli.run("inspect", "/mnt/damaged").returncode == 69


@each(["text", "file", "variable"])
def test_process_metrics(kind):
    """Wherever the setting stands."""
    tap, metrics = "dnstap /mnt/none.sock full", "/mnt/metrics.%p"
    settings = {}
    if kind == "variable":
        settings["DNSTAP_METRICS"] = metrics
    else:
        tap += f"\nmetrics {metrics}"
    if kind == "file":
        pathlib.Path("/mnt/tap.conf").write_text(tap)
        tap = "/mnt/tap.conf"
    scene = Scene("knotd", tap, **settings)
    pid = scene.server.process.child.pid
    until(lambda: os.path.exists(f"/mnt/metrics.{pid}"), "the metrics file")
    shown = cli.good("inspect", pid)
    assert f"\n  metrics         /mnt/metrics.{pid}\n" in shown, shown
    assert "\n  tap /mnt/none.sock: down, captured " in shown, shown
    assert "/mnt/none.sock" in cli.good("top", "-n", 1, pid)
    scene.stop()


def test_process():
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    load.udp(scene.server.addresses, 50, load.Mix("inspect"))
    scene.settle()
    shown = cli.good("inspect", pid)
    assert shown.startswith(f"yes: process {pid}: libdnstapshim.so is loaded"), shown
    assert collector.endpoint in shown and "taps: 1" in shown
    scene.stop()
    bare = servers.Running("knotd")
    done = cli.run("inspect", bare.process.child.pid)
    shown = done.stdout.decode()
    assert done.returncode == cli.UNAVAILABLE and "not loaded" in shown, shown
    assert "\nyes: " in shown  # but the program could
    bare.stop()
    disabled = servers.Running("knotd", servers.tap_environment(
        f"dnstap {collector.endpoint} full", DNSTAP_DISABLE="yes"))
    done = cli.run("inspect", disabled.process.child.pid)
    shown = done.stdout.decode()
    assert done.returncode == cli.UNAVAILABLE and "DNSTAP_DISABLE" in shown, shown


def test_terminal():
    """Whoever owns a process does not speak to the terminal of who inspects it."""
    shutil.copy2("/bin/sleep", "/mnt/sl\x1beep")
    other = Process(["/mnt/sl\x1beep", "60"], name="sleep",
                    environment=servers.tap_environment(
                        "dnstap /x\x1b]0;\x07\u009b2J\n\tfull \x7f"))
    metrics = pathlib.Path("/mnt/metrics")
    metrics.write_text('dnstapshim_up{tap="\x1b[2J",index="0"} 1\n')
    shown = (cli.run("inspect", other.child.pid).stdout
             + cli.run("top", "-n", 1, metrics).stdout).decode()
    assert all(c in "\n\t" or c.isprintable() for c in shown), shown
    assert "\n  program         /mnt/sl?eep\n" in shown, shown
    assert "dnstap /x?]0;???2J\n" in shown and "\tfull ?\n" in shown, shown
    assert " ?[2J\n" in shown, shown


def test_usage():
    assert "name a program" in cli.refused(cli.USAGE, "inspect")
    assert "'--x'" in cli.refused(cli.USAGE, "inspect", "--x")
    assert "no such program" in cli.refused(cli.NOINPUT, "inspect", "no-such")
    assert "No such process" in cli.refused(cli.NOINPUT, "inspect", "99999999")
    assert "neither an ELF program nor a script" in refused("/etc/passwd")
    assert "usage:" in cli.good("inspect", "--help")


def judged(pid):
    """The verdict, and all of it."""
    shown = cli.run("inspect", pid).stdout.decode()
    return shown.splitlines()[0], shown


# What stands in the way, in the configuration that the process was started with.
WRONG = {"refused": ("dnstap /mnt/tap.sock fall", '"fall"'),
         "certificate": ("dnstap tls://127.0.0.1:1 { tls /none /none }",
                         "/none: No such file"),
         "no tap": ("ports 53", "no tap")}


@each(WRONG)
def test_process_wrong(kind):
    """Not a yes, whatever has become of the file since: the process says so itself."""
    text, reason = WRONG[kind]
    config = pathlib.Path("/mnt/tap.conf")
    config.write_text(text)
    server = servers.Running("knotd", servers.tap_environment(str(config)))
    config.write_text("dnstap /mnt/tap.sock full")
    first, _ = judged(server.process.child.pid)
    assert first.startswith("no: ") and "taps nothing" in first, first
    assert reason in first, first
    server.stop()


def test_process_ports():
    """Sockets, but not at the port that is looked at."""
    server = servers.Running("knotd", servers.tap_environment(
        "dnstap /mnt/none.sock full", DNSTAP_PORTS="5353"))
    first, shown = judged(server.process.child.pid)
    assert first.startswith("partly: ") and "bound are 53: see ports" in first, shown
    server.stop()


def test_process_off():
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    control.tell("off", pid)
    first, shown = judged(pid)
    assert first.startswith("no: ") and "switched off" in first, shown
    cli.good("on", pid)
    first, shown = judged(pid)
    assert first.startswith("yes: "), shown
    assert "connected" in shown and "configuration in force" in shown, shown
    scene.stop()
