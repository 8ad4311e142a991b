# SPDX-License-Identifier: Apache-2.0
"""dnstapshim run and top: a server started, tapped and watched."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import cli, load, namespace, oracle, servers
from harness.collector import Collector, build_golang
from harness.process import Process, program, until
from harness.servers import LIBRARY
from harness.wire import Recorder

BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
TAP = "/mnt/tap.sock full"


def environment(*arguments, **before):
    """What a program started so finds in its environment."""
    text = cli.good("run", *arguments, "--", "env", "-0", environment=before)
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


def test_environment():
    got = environment("-t", TAP, "--tap", "dnstap tcp://127.0.0.1:6000",
                      "--identity", "me", "--ports", "53,5353", "--log", "off",
                      "--proxies", "none")
    assert got["DNSTAP_PROXIES"] == "none"
    assert got["DNSTAP_CONFIG"] == f"dnstap {TAP}\ndnstap tcp://127.0.0.1:6000"
    assert (got["DNSTAP_IDENTITY"], got["DNSTAP_PORTS"], got["DNSTAP_LOG"]) == (
        "me", "53,5353", "off")
    assert got["LD_PRELOAD"] == LIBRARY
    pathlib.Path("/mnt/x.conf").write_text(f"dnstap {TAP}\n")
    assert environment("-c", "/mnt/x.conf")["DNSTAP_CONFIG"] == "/mnt/x.conf"
    assert environment(DNSTAP_CONFIG=TAP)["DNSTAP_CONFIG"] == TAP
    got = environment("-t", TAP, LD_PRELOAD="libm.so.6")
    assert got["LD_PRELOAD"] == f"{LIBRARY}:libm.so.6"


def test_installed():
    """Found in ../lib as well, where `make install` puts it."""
    os.makedirs("/mnt/usr/bin")
    os.makedirs("/mnt/usr/lib")
    command = f"{namespace.ROOM}/usr/bin/dnstapshim"
    subprocess.run(["cp", cli.COMMAND, command], check=True)
    run = [command, "run", "-t", TAP, "--", "printenv", "LD_PRELOAD"]
    subprocess.run(["cp", LIBRARY, "/mnt/usr/lib/"], check=True)
    assert subprocess.check_output(run) == b"/mnt/usr/lib/libdnstapshim.so\n"


def test_disabled():
    """The variable that switches the library off is not passed over in silence."""
    for value, said in ("1", b"dnstapshim run: DNSTAP_DISABLE is set"), ("0", b""):
        done = cli.run("run", "-t", TAP, "true", environment={"DNSTAP_DISABLE": value})
        assert done.returncode == 0 and done.stderr.startswith(said), done
        assert bool(done.stderr) == bool(said), done


def test_exit_status():
    assert cli.run("run", "-t", TAP, "sh", "-c", "exit 7").returncode == 7


def test_refuses():
    golang = build_golang(BUILD)
    # Ubuntu's ldconfig is a script.
    static, *_ = filter(os.path.exists, ("/sbin/ldconfig.real", "/sbin/ldconfig"))
    for status, arguments, text in (
            (64, [], "name the program"),
            (64, ["--"], "name the program"),
            (64, ["-t"], "'-t' needs a value"),
            (64, ["--bogus", "true"], "unknown option '--bogus'"),
            (64, ["true"], "there is no tap"),
            (64, ["-t", TAP, "-c", "/etc/passwd", "true"], "either --tap or --config"),
            (66, ["-c", "/none", "true"], "/none: No such file"),
            (66, ["-t", TAP, "no-such-program"], "no such program"),
            (69, ["-t", TAP, static], "statically linked"),
            (69, ["-t", TAP, golang], "written in Go"),
            (69, ["-t", TAP, "/etc/passwd"], "neither an ELF program nor a script"),
            (69, ["-t", TAP, "--library", "/bin/true", "true"], "no shared library"),
            (78, ["-t", "/mnt/tap.sock ful", "-t", "tcp://", "true"], '"ful"'),
            (78, ["-t", TAP, "--ports", "99999", "true"], '"99999"')):
        said = cli.refused(status, "run", *arguments)
        assert said.startswith("dnstapshim run: ") and text in said, said
    both = cli.refused(78, "run", "-t", "/mnt/tap.sock ful", "-t", "tcp://", "true")
    assert len(both.splitlines()) == 2, both
    assert "usage:" in cli.good("run", "--help")


NOBODY = 65534


def test_permission():
    """What only somebody else may read is refused with 77, whatever the command."""
    command, secret = "/mnt/dnstapshim", "/mnt/secret"
    shutil.copy(cli.COMMAND, command)
    os.mkdir(secret, 0o700)
    shutil.copy("/bin/true", f"{secret}/program")
    for name in "file", "x.prom":
        pathlib.Path(f"/mnt/{name}").write_text("dnstap /mnt/x.sock\n")
        os.chmod(f"/mnt/{name}", 0o600)
    for words in ("check /mnt/file", "run -c /mnt/file true", "read -r /mnt/file",
                  f"run -t /x --library {secret}/program true",
                  f"inspect {secret}", f"inspect {secret}/program",
                  f"run -t /x {secret}/program", f"recover {secret}",
                  "recover /mnt/file", "top -b /mnt/x.prom", "reload -c /mnt/file 1",
                  "read -l 127.0.0.1:53"):
        done = subprocess.run([command, *words.split()], capture_output=True,
                              user=NOBODY, group=NOBODY, extra_groups=[])
        assert done.returncode == cli.NOPERM, (words, done)
        assert b"Permission denied" in done.stderr, (words, done)


def test_command():
    """What is the same for all subcommands."""
    assert re.fullmatch(r"dnstapshim \d+\.\d+\.\d+\n", cli.good("--version"))
    assert cli.good("version") == cli.good("-V") == cli.good("--version")
    shown = cli.good("--help")
    assert cli.good("help") == cli.good("-h") == shown
    for word in "help", "version", "--help":
        assert cli.good("help", word) == shown
    for name in "run", "check", "inspect", "top", "read", "recover", "completion":
        assert f"  {name} " in shown
        assert cli.good(name, "--help").startswith(f"usage: dnstapshim {name} ")
        assert cli.good("help", name) == cli.good(name, "--help")
    assert "no command 'bogus'" in cli.refused(cli.USAGE, "help", "bogus")
    assert "no command" in cli.refused(cli.USAGE)
    assert "unknown command 'bogus'" in cli.refused(cli.USAGE, "bogus")


def test_server_and_top():
    """dnsmasq, tapped by run; the counters agree with the log."""
    collector = Collector()
    wire = Recorder()
    server = Process([
        cli.COMMAND, "run", "-t", f"{collector.endpoint} full", "--metrics",
        "/mnt/metrics.%p", "--", program("dnsmasq"), "-k", "-C", "/dev/null", "-p",
        "53", f"--listen-address={namespace.SERVER4}", "--bind-interfaces",
        "--no-resolv", "--address=/test/192.0.2.1", "-u", "root"], name="dnsmasq")
    until(lambda: server.alive() and list(servers.udp_sockets()), "dnsmasq")
    pid = server.child.pid
    load.udp([namespace.SERVER4], 200, load.Mix("run"))
    wire.quiet()
    server.stop()
    taps = collector.taps()
    oracle.compare(oracle.facts(wire.messages(), [namespace.SERVER4], []),
                   taps).check()
    heading, line = cli.good("top", "-n", 1, f"/mnt/metrics.{pid}").splitlines()
    row = dict(zip(heading.split(), line.split()))
    assert heading.split()[:4] == ["TIME", "PID", "PROGRAM", "AGE"]
    short = int(row["DROPPED"])  # the load has messages without a whole header
    assert int(row["SENT"]) == len(taps) == int(row["CAPTURED"]) - short
    assert (row["QUEUED"], row["TAP"]) == ("0", collector.endpoint)
    causes = dict(word.split("=") for word in line.split() if "=" in word)
    assert set(causes) <= {"malformed", "unsolicited"}, line
    assert sum(map(int, causes.values())) == short, line
    return f"{len(taps)} messages"
