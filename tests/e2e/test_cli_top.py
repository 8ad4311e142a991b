# SPDX-License-Identifier: Apache-2.0
"""dnstapshim top: on a terminal, and in lines."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

from harness import cli, load, metrics, oracle, sample, servers
from harness.collector import Collector
from harness.each import each
from harness.process import Process, read, until
from harness.scene import Scene
from harness.terminal import Terminal

METRICS = "/mnt/metrics"
TITLE = re.compile(r"dnstapshim top (\d\d:\d\d:\d\d)  taps (\d+), processes (\d+)")


def sample_line(name, value, tap="/run/a.sock", index=0, more=""):
    return f'dnstapshim_{name}{{tap="{tap}",index="{index}"{more}}} {value}\n'


def write(text, path=METRICS):
    """As the library does: a file that takes the place of the one before."""
    pathlib.Path(f"{path}.new").write_text(text)
    os.rename(f"{path}.new", path)


def top(*arguments, **settings):
    return Terminal([cli.COMMAND, "top", *arguments], **settings)


def table(lines):
    """The taps on a screen, or in lines: a dictionary each. Headings are those of this
    time; before them stands what is no tap."""
    heads = [at for at, line in enumerate(lines) if line.split()[-1:] == ["TAP"]]
    if not heads:
        return []
    names = lines[heads[0]].split()
    rows = [line.strip().split(None, len(names) - 1) for line in lines[heads[0] + 1:]]
    return [dict(zip(names, row)) for row in rows
            if len(row) == len(names) and re.fullmatch(r"#?\d+", row[names.index("PID")])]


def asked(scene, count=300):
    """A server that was asked, and says so in its metrics."""
    load.udp(scene.server.addresses, count, load.Mix("top"))
    scene.settle()
    crossed = len(oracle.crossed(scene.wire.messages(), scene.server.addresses, []))
    until(lambda: metrics.Metrics(0).crossed() == crossed, "the metrics")


def figures(counts):
    return {name: str(counts[key]) for name, key in (
        ("CAPTURED", "captured_total"), ("SENT", "sent_total"),
        ("QUEUED", "queued"), ("PEAK", "queue_high_water"), ("CONN", "connects_total"))}


def test_figures():
    """A real server under its name: what stands there is what it has counted."""
    collector = Collector()
    scene = Scene("named", f"dnstap {collector.endpoint} full\ndnstap /mnt/none.sock full")
    screen = top("named", columns=200)
    pid = str(scene.server.process.child.pid)
    asked(scene)

    def agrees(lines):
        rows = table(lines)
        wanted = [figures(metrics.Metrics(index).count) for index in range(2)]
        return len(rows) == 2 and all(
            row[name] == value for row, want in zip(rows, wanted)
            for name, value in want.items())
    lines = screen.shows(agrees)
    up, down = table(lines)
    assert (up["PID"], up["PROGRAM"], up["STATE"]) == (pid, "named", "up")
    assert (up["TAP"], down["TAP"]) == (collector.endpoint, "/mnt/none.sock"), lines
    assert down["STATE"] == "down"
    assert TITLE.match(lines[0]).groups()[1:] == ("2", "1")
    drops = metrics.Metrics()
    for cause, count in drops.drops().items():
        row, = (line.split() for line in lines if f"dropped: {cause} " in line)
        assert row[2] == str(count), (row, drops.drops())
    assert drops.drops()  # the load has some that are malformed
    screen.press("q")
    assert screen.ends() == 0 and screen.is_restored()
    plain = table(cli.good("top", "-n", 1, pid).splitlines())
    assert [row["CAPTURED"] for row in plain] == [up["CAPTURED"], down["CAPTURED"]]
    scene.stop()


def test_tree():
    """nsd's children answer, and are found from their parent on."""
    collector = Collector()
    scene = Scene("nsd", f"dnstap {collector.endpoint} full")
    collector.hears_from(2, lambda: asked(scene))
    pid = scene.server.process.child.pid

    def writing():
        return {path.suffix[1:] for path in pathlib.Path("/mnt").glob("metrics.*[0-9]")}

    until(lambda: len(writing()) == 2, "both files")
    writers = writing()
    for word in pid, "nsd":
        rows = table(cli.good("top", "-n", 1, word).splitlines())
        assert {row["PID"] for row in rows} == writers, (rows, writers)
    total = sum(int(row["CAPTURED"]) for row in rows)
    assert total == metrics.Metrics().count["captured_total"]
    scene.stop()


@each(["nsd", "knotd"])
def test_without_files(name):
    """Processes that write no metrics are asked; one that does not answer keeps nobody."""
    collector = Collector()
    server = servers.Running(name, servers.tap_environment(f"dnstap {collector.endpoint} full"))
    pid = server.process.child.pid
    processes = {"nsd": 2, "knotd": 1}[name]
    messages = 0

    def ask():
        nonlocal messages
        load.udp(server.addresses, 50, load.Mix(f"after {messages}", odd=0))
        messages += 200
        collector.wait(messages)

    def all_sent(lines):
        return sum(int(row["SENT"]) for row in table(lines)) == len(collector.frames)

    collector.hears_from(processes, ask)
    for word in pid, name:
        lines = until(lambda: all_sent(lines := cli.good("top", "-n", 1, word).splitlines())
                      and lines, "counters")
        rows = table(lines)
        assert len({row["PID"] for row in rows}) == len(rows) == processes
        assert {row["PROGRAM"] for row in rows} == {name}, rows
    screen = top(name, columns=200)
    screen.shows(all_sent)
    family = [*server.process.session()]
    for one in family:
        os.kill(one, signal.SIGSTOP)
    screen.press("s")
    screen.shows(lambda lines: "sort: PID" in lines[0])
    for one in family:
        os.kill(one, signal.SIGCONT)
    ask()
    screen.shows(all_sent)
    server.stop()
    for one in set(family) - {pid}:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one, 0)  # what it has left behind is process 1's
    screen.shows(lambda lines: not table(lines))
    screen.press("q")
    assert screen.ends() == 0


def test_restart():
    """Of a program that is started again, the new process is found."""
    first = Scene("knotd", "dnstap /mnt/none.sock full")
    pids = [str(first.server.process.child.pid)]
    asked(first, 20)
    screen = top("knotd")
    screen.shows(lambda lines: [row["PID"] for row in table(lines)] == pids)
    first.stop()
    screen.shows(lambda lines: [row["STATE"] for row in table(lines)] == ["ended"])
    second = Scene("knotd", "dnstap /mnt/none.sock full")  # which forgets the old file
    pids = [str(second.server.process.child.pid)]
    asked(second, 20)
    screen.shows(lambda lines: [(row["PID"], row["STATE"]) for row in table(lines)]
                 == [(pids[0], "down")])
    screen.press("q")
    assert screen.ends() == 0
    second.stop()


def test_rates():
    """Between the last two times that the library wrote."""
    text = sample_line("captured_total", 1000) + sample_line("sent_total", 900) + \
        sample_line("dropped_total", 100, more=',cause="queue_full"')
    write(text)
    os.utime(METRICS, ns=(0, 10**18))
    screen = top(METRICS, columns=200)
    row, = table(screen.shows("/run/a.sock"))
    assert (row["CAPT/s"], row["SENT/s"], row["DROP/s"]) == ("0", "0", "0")
    write(text.replace("1000", "6000").replace("900", "5700").replace(" 100\n", " 300\n"), f"{METRICS}.2")
    os.utime(f"{METRICS}.2", ns=(0, 10**18 + 10 * 10**9))
    os.rename(f"{METRICS}.2", METRICS)
    lines = screen.shows("6000")
    row, = table(lines)
    assert (row["CAPT/s"], row["SENT/s"], row["DROP/s"]) == ("500", "480", "20"), row
    assert any(line.split() == ["dropped:", "queue_full", "300", "20/s"] for line in lines), lines
    # It has begun anew.
    write(text.replace("1000", "7"))
    row, = table(screen.shows(lambda lines: [row["CAPTURED"] for row in table(lines)] == ["7"]))
    assert row["CAPT/s"] == "0"
    screen.press("q")
    screen.ends()


def test_labels():
    """Who is in a file of several processes; labels that are not known; what a terminal
    would take for a command."""
    write("# HELP x y\n" + "".join(
        sample_line("captured_total", 10 + process, tap="/run/\x1b[2J\xe9.sock",
                    more=f',site="x",program="na\x1bmed",process="{process}"')
        for process in range(3)))
    screen = top(METRICS, columns=160)
    lines = screen.shows(lambda lines: len(table(lines)) == 3)
    assert [(row["PID"], row["PROGRAM"]) for row in table(lines)] == [
        ("#0", "na?med"), ("#1", "na?med"), ("#2", "na?med")]
    assert TITLE.match(lines[0]).groups()[1:] == ("3", "3")
    assert table(lines)[0]["TAP"].startswith("/run/?[2J??.sock"), lines
    screen.press("q")
    screen.ends()


def test_large():
    """What has no room is told in thousands; in lines there are all digits."""
    write(sample_line("captured_total", 98765432109876) + sample_line("queued", 1234567))
    os.utime(METRICS, ns=(0, 10**18))
    screen = top(METRICS, columns=160)
    row, = table(screen.shows("/run/a.sock"))
    assert (row["CAPTURED"], row["QUEUED"], row["AGE"]) == ("98765432M", "1235K", ">4d"), row
    row, = table(cli.good("top", "-n", 1, METRICS).splitlines())
    assert (row["CAPTURED"], row["QUEUED"]) == ("98765432109876", "1234567"), row
    screen.press("q")
    assert screen.ends() == 0


def test_keys():
    write("".join(sample_line("captured_total", (5, 900, 30)[index], f"/run/{index}.sock", index)
                  for index in range(3)))
    screen = top(METRICS, columns=200)

    def order():
        return lambda lines: [int(row["CAPTURED"]) for row in table(lines)]

    screen.shows(lambda lines: order()(lines) == [5, 900, 30])
    screen.press("s" * 5)  # PID PROGRAM AGE STATE CAPTURED
    lines = screen.shows(lambda lines: order()(lines) == [900, 30, 5])
    assert "sort: CAPTURED" in lines[0], lines
    screen.press("r")
    screen.shows(lambda lines: order()(lines) == [5, 30, 900])
    screen.press("r<<<<<")
    screen.shows(lambda lines: "sort: none" in lines[0] and order()(lines) == [5, 900, 30])
    screen.shows("down /run/0.sock:")  # the chosen one
    screen.press("\x1bOB")  # down
    screen.shows("down /run/1.sock:")
    screen.press("jjjj\x1b[99~\x00")  # not beyond the last; and what is no key
    screen.shows("down /run/2.sock:")
    screen.press("h")
    screen.shows("Any key goes back.")
    screen.press("q")  # back
    screen.shows("/run/2.sock")
    screen.press("pr")
    screen.shows(lambda lines: "PAUSED" in lines[0] and order()(lines) == [30, 900, 5])
    screen.press("h")
    screen.shows("Any key goes back.")
    screen.press("x")  # it is as it was
    screen.shows(lambda lines: order()(lines) == [30, 900, 5])
    write(sample_line("captured_total", 77))
    screen.press("p")
    screen.shows("77")
    screen.press("q")
    assert screen.ends() == 0 and screen.is_restored()


def test_paused():
    """What stands there stays, whatever is written."""
    write(sample_line("captured_total", 5))
    screen = top(METRICS, columns=200)
    screen.shows(lambda lines: len(table(lines)) == 1)
    screen.press("p")
    screen.shows("PAUSED")
    write(sample_line("captured_total", 6))
    clocks = set()

    def goes_on():  # each key has it drawn, with the time
        screen.press("r")
        clocks.add(TITLE.search(screen.shows("PAUSED")[0])[1])
        return len(clocks) > 3
    until(goes_on, "its clock")
    lines = screen.read()
    assert table(lines)[0]["CAPTURED"] == "5", lines
    screen.press("p")
    screen.shows(lambda lines: table(lines)[0]["CAPTURED"] == "6")
    screen.press("q")
    screen.ends()


def test_sizes():
    """It is drawn anew for each size, and none breaks it."""
    write("".join(sample_line("captured_total", 5, f"/run/{index}.sock", index)
                  for index in range(40))
          + sample_line("dropped_total", 3, "/run/0.sock", more=',cause="malformed"'))
    pathlib.Path("/mnt/dns.fstrm").write_bytes(sample.stream(sample.payloads(300)))
    screen = top("-F", "-r", "/mnt/dns.fstrm", METRICS)
    screen.shows("example.org.")
    for lines, columns in (24, 80), (5, 20), (24, 80), (1, 1), (2, 10), (3, 200), \
            (8, 80), (9, 80), (60, 15), (100, 300), (5, 20), (24, 80):
        screen.resize(lines, columns)
        title = "dnstapshim top"[:columns]
        shown = screen.shows(lambda shown: lines < 2 or shown[0].startswith(title)
                             and shown[-1].startswith("q quit  h help"[:columns]))
        assert len(shown) == lines
        if lines >= 5 and columns >= 20:
            assert any("/run/" in line for line in shown), shown
        if (lines, columns) == (24, 80):
            names = [line for line in shown if line.startswith("Names")]
            assert len(names) == 1 and any("malformed" in line for line in shown), shown
    screen.press("q")
    assert screen.ends() == 0 and screen.is_restored()


@each(["TERM", "INT", "HUP"])
def test_signals(name):
    """The terminal is as before, and so is the directory."""
    write(sample_line("captured_total", 5))
    screen = top("-u", "/mnt/live.sock", METRICS)
    screen.shows("/run/a.sock")
    assert os.path.exists("/mnt/live.sock")
    screen.child.send_signal(getattr(signal, f"SIG{name}"))
    assert screen.ends() == 0 and screen.is_restored()
    assert not os.path.exists("/mnt/live.sock")


def test_hung_up():
    """The terminal goes, and nobody says so."""
    write(sample_line("captured_total", 5))
    screen = Terminal(["setsid", "-w", cli.COMMAND, "top", METRICS])
    screen.shows("/run/a.sock")
    os.close(screen.user)
    os.close(screen.keyboard)
    screen.child.wait(150)


@each(["dumb", "no-such-terminal", "empty", "pipe", "-b"])
def test_lines(kind):
    """Where there is no screen, or none is wanted."""
    write(sample_line("captured_total", 5) + sample_line(
        "dropped_total", 5, more=',cause="malformed"'))
    if kind == "pipe":
        said, lines = "", cli.good("top", "-n", 1, METRICS).splitlines()
    else:
        term = {"-b": "screen", "empty": ""}.get(kind, kind)
        screen = top("-n", 1, *(["-b"] if kind == "-b" else []), METRICS, columns=200, term=term)
        assert screen.ends() == 0
        said, lines = screen.said(), screen.read()
        assert b"\x1b" not in screen.raw, screen.raw
    row, = table(lines)
    assert row["CAPTURED"] == row["DROPPED"] == "5"
    assert row["TAP"] == "/run/a.sock malformed=5"
    assert ("no such terminal" in said) == (kind == "no-such-terminal"), said


def test_live():
    """A server's own messages, by a filter."""
    scene = Scene("named", "dnstap /mnt/live.sock full")
    screen = top("-u", "/mnt/live.sock", "-f", "qtype A AAAA; not name host2.test",
                 columns=120)
    screen.shows("Names")
    mix = load.Mix("live", odd=0)

    def goes_on():
        load.udp(scene.server.addresses, 40, mix)
        lines = list(screen.read())
        return any(".test." in line for line in lines) and \
            any("NOERROR" in line for line in lines) and lines
    lines = until(goes_on, "names and RCODEs")
    head = next(at for at, line in enumerate(lines) if line.startswith("Names"))
    types = {words[2] for words in (line[82:101].split() for line in lines[head + 1:-1]) if words}
    assert types == {"A", "AAAA"}, lines
    assert "ms: 50 %" in lines[head - 1], lines
    assert not any("host2.test." in line for line in lines), lines
    screen.press("n")
    screen.shows("127.0.0.1")
    screen.press("q")
    assert screen.ends() == 0 and screen.is_restored()
    # That a sender came was told on the screen, not into its midst.
    assert screen.said() == "dnstapshim top: listening on /mnt/live.sock\n"
    scene.server.stop()


def test_live_figures():
    """Of a stream that is known: the same as read --stats tells."""
    pathlib.Path("/mnt/dns.fstrm").write_bytes(sample.stream(sample.payloads(500)))
    want = cli.good("read", "--stats", "-r", "/mnt/dns.fstrm")
    messages = re.search(r"^Messages: (\d+)", want, re.M)[1]
    queries, unanswered = (re.search(rf"{word}", want, re.M)[1] for word in (
        r"^Queries: (\d+)", r"^ +(\d+) .*unanswered"))
    reading = subprocess.Popen([cli.COMMAND, "top", "-F", "-r", "/mnt/dns.fstrm"],
                               stdout=subprocess.PIPE, text=True, env={"TZ": "UTC"})
    for line in reading.stdout:
        if f"messages {messages}," in line:
            break
    reading.stdout.close()
    reading.wait()
    assert f"queries {queries}, unanswered {unanswered};" in line, (line, want)
    for title in "Names", "Clients", "Types", "RCODEs":
        rows = re.search(rf"^{title}: .*\n((?: +\d+ .*\n)*)", want, re.M)[1]
        ranked = [f"{label}={number}" for number, label in re.findall(
            r"^ +(\d+) +[\d.]+ %  (.*)", rows, re.M)][:5]
        assert f"; {title} {' '.join(ranked)}" in line, (title, ranked, line)


def test_one_look():
    """Not before something can have been read."""
    pathlib.Path("/mnt/dns.fstrm").write_bytes(sample.stream(sample.payloads(500)))
    want = cli.good("read", "--stats", "-r", "/mnt/dns.fstrm")
    messages = re.search(r"^Messages: (\d+)", want, re.M)[1]
    line, = cli.good("top", "-n", "1", "-r", "/mnt/dns.fstrm").splitlines()
    assert f": messages {messages}," in line


@each(["fifo", "device", "large"])
def test_hostile_file(kind):
    """Where a process says that its metrics are may be anything."""
    path = "/dev/zero" if kind == "device" else METRICS
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "large":
        write(sample_line("captured_total", 5))
        os.truncate(path, 1 << 40)
    process = Process([shutil.which("sleep"), "1000"], environment=servers.tap_environment(
        "dnstap /mnt/none.sock full", DNSTAP_METRICS=path))
    until(lambda: servers.LIBRARY in read(f"/proc/{process.child.pid}/maps"), "it is loaded")
    for word in path, process.child.pid, "sleep":
        assert "no metrics file" in cli.refused(65, "top", word)
    process.stop()


def test_many_that_ended():
    """Of processes that come and go, as one for each connection, few are kept."""
    environment = servers.tap_environment("dnstap /mnt/none.sock full",
                                          DNSTAP_METRICS=f"{METRICS}.%p")
    living = [Process([shutil.which("sleep"), "1000"], environment=environment)
              for _ in range(30)]
    for process in living:
        write(sample_line("captured_total", 5), f"{METRICS}.{process.child.pid}")
        until(lambda: servers.LIBRARY in read(f"/proc/{process.child.pid}/maps"), "it is loaded")
    screen = top("sleep", lines=50)
    screen.shows(lambda lines: len(table(lines)) == 30)
    for process in living[:-1]:
        process.stop()
    lines = screen.shows(lambda lines: {row["STATE"] for row in table(lines)[:-1]} == {"ended"})
    assert len(table(lines)) == 17, lines
    assert table(lines)[-1]["PID"] == str(living[-1].child.pid)
    living[-1].stop()
    screen.press("q")
    screen.ends()


def test_endless():
    """A reader that has seen enough ends it."""
    write(sample_line("captured_total", 5))
    done = subprocess.run(["sh", "-c", f"{cli.COMMAND} top {METRICS} | head -n 3"],
                          capture_output=True, timeout=150)
    assert len(done.stdout.splitlines()) == 3 and not done.stderr


def test_usage():
    write("", "/mnt/empty")
    program = Process(["sleep", "1000"])
    for status, arguments, text in (
            (64, [], "name a metrics file"),
            (64, ["-n", "x", "a"], "not 'x'"),
            (64, ["-y"], "unknown option '-y'"),
            (64, ["-f", "rcode SERVFAIL", METRICS], "give -u PATH"),
            (64, ["-f", "rcode BOGUS", "-u", "/mnt/x.sock"], '"BOGUS"'),
            (64, ["-t", "x", "-u", "/mnt/x.sock"], "not 'x'"),
            (65, ["/mnt/empty"], "no metrics file"),
            (66, ["/none"], "/none: No such file"),
            (66, ["no-such-program"], "no-such-program: no file, and no process"),
            (66, ["sleep"], "no process of this name"),  # without the library
            (66, [2**22 + 1], "No such process"),
            (66, [program.child.pid], "write no metrics file"),
            (66, ["-r", "/none"], "/none: No such file")):
        said = cli.refused(status, "top", *arguments)
        assert said.startswith("dnstapshim top: ") and text in said, said
    program.stop()
