# SPDX-License-Identifier: Apache-2.0
"""An operator has a process read another configuration while it serves."""

import os
import re
import subprocess

from harness import cli, dns, load
from harness.collector import Collector
from harness.control import (Everything, check, configure, configured, logged_truly,
                             reload, sockets, status, steady_load)
from harness.each import each
from harness.encrypted import EncryptedScene
from harness.process import read, until
from harness.scene import Scene
from test_tls import BY_NAME, GOOD, Setting


@each(["named", "nsd", "dnsmasq"])
def test_reload(name):
    """Under load, over and over: the tap that stays has every message, on one connection
    for each process; those that come and go have what crossed while they were there."""
    staying, going = Collector(), Collector(name="going.sock")
    stays, goes = (f"dnstap {one.endpoint} full\n" for one in (staying, going))
    scene, pid = configured(stays, name)
    word = pid if name == "dnsmasq" else name
    with steady_load(scene) as steady:
        steady.go_on(2)
        for _ in range(5):
            said = reload(word, goes + stays)
            processes = said.count(f"unchanged: {staying.endpoint}\n")
            assert processes == said.count(f"added: {going.endpoint}\n") > 0, said
            before = len(going.frames)
            until(lambda: len(going.frames) > before + 50, "it is there")
            steady.go_on(1)
            said = reload(word, stays)
            assert said.count(f"removed: {going.endpoint}\n") >= processes, said
            one, = status(word)[0]["taps"]
            assert one["connects_total"] == 1, one
            steady.go_on(1)
        processes = len(status(word))
    scene.counts_all = False
    scene.stop()
    logged_truly(scene.compare(going.taps()))
    if name != "dnsmasq":
        assert len(staying.connections) == processes
    return scene.check(staying.taps())


REFUSED = {"word": ("dnstap /mnt/x.sock fall", '"fall"'),
           "certificate": ("dnstap tls://127.0.0.1:1 { tls /none /none }",
                           "/none: No such file"),
           "ports": ("ports 5353\ndnstap /mnt/x.sock full", "ports: another one"),
           "tls_ports": ("tls_ports 8853\ndnstap /mnt/x.sock full",
                         "tls_ports: another one"),
           "proxies": ("proxies none\ndnstap /mnt/x.sock full",
                       "proxies: another one"),
           "pem": ("dnstap tls://127.0.0.1:1 { tls /mnt/tap.conf /mnt/tap.conf }",
                   "/mnt/tap.conf: "),
           "nothing": ("# nothing", "there is no tap")}


@each(REFUSED)
def test_reload_refused(kind):
    """With all errors, and the old one goes on."""
    text, reason = REFUSED[kind]
    collector = Collector()
    scene, pid = configured(f"dnstap {collector.endpoint} full")
    collector.wait(2)
    before, = status(pid)
    configure(text)
    assert reason in cli.refused(cli.CONFIG, "reload", pid)
    said = cli.refused(cli.CONFIG, "reload", "-c", "/mnt/tap.conf", pid)
    assert reason in said and "DNSTAP_CONFIG" not in said, said
    load.udp(scene.server.addresses, 50, load.Mix("refused"))
    assert status(pid)[0]["config"] == before["config"]
    return check(scene, collector)


def test_reload_serving():
    """The tap whose thread serves is removed, and another serves; text that comes with the
    command; and a place more for each change, until there is none."""
    first, second = Collector(), Collector(name="second.sock")
    scene = Scene("knotd", f"dnstap {first.endpoint} full")
    pid = scene.server.process.child.pid
    first.wait(2)
    served, = until(lambda: sockets(pid), "its socket")
    with open("/mnt/other.conf", "w") as file:
        file.write(f"dnstap {second.endpoint} full")
    cli.good("reload", "-c", "/mnt/other.conf", pid)
    load.udp(scene.server.addresses, 50, load.Mix("serving"))
    until(lambda: sockets(pid) not in ([], [served]), "another serves")
    for number in range(70):
        with open("/mnt/other.conf", "w") as file:
            file.write(f"dnstap {second.endpoint} full {{\nidentity i{number}\n}}")
        done = cli.run("reload", "-c", "/mnt/other.conf", pid)
        load.udp(scene.server.addresses, 1, load.Mix("serving"))
        if done.returncode:
            break
    assert number == 62 and b"takes a restart" in done.stderr, (number, done)
    scene.counts_all = False
    scene.stop()
    assert not scene.compare(first.taps() + second.taps()).missing


def test_reload_recorder():
    """A tap that comes late has a flight recorder as well, and one that goes leaves none."""
    first, second = Collector(), Collector(name="second.sock")
    tap = "dnstap {} full\nrecorder /mnt/recorders"
    os.mkdir("/mnt/recorders")
    scene, pid = configured(tap.format(first.endpoint))
    until(lambda: sockets(pid), "its socket")
    until(lambda: status(pid)[0]["taps"][0]["recorder"], "a recorder")
    reload(pid, tap.format(second.endpoint))
    with steady_load(scene) as steady:
        steady.go_on(2)
        until(lambda: status(pid)[0]["taps"][0]["recorder"], "a recorder")
        until(lambda: os.listdir("/mnt/recorders") == [f"knotd.{pid}.2"],
              "the other one's goes")
        second.wait(100)
    scene.counts_all = False
    scene.stop()
    assert not os.listdir("/mnt/recorders")
    logged_truly(scene.compare(second.taps()))


def test_renewed():
    """A certificate that lies under the name of the old one is taken, and that of a tap
    alone."""
    collector = Collector()
    setting = Setting(*GOOD, clients=True).listen()
    client = setting.ours.sign("client")
    files = " ".join((*client, setting.ours.certificate))
    scene, pid = configured(f"dnstap {collector.endpoint} full\n"
                            f"dnstap {BY_NAME} full {{ tls {files} }}\n")
    status(pid)
    said = cli.good("reload", pid)
    assert said.count("unchanged: ") == 2, said
    setting.ours.sign("client")
    said = cli.good("reload", pid)
    assert said.count("unchanged: ") == said.count("added: ") == 1, said
    load.udp(scene.server.addresses, 50, load.Mix("renewed"))
    until(lambda: len(setting.collector.connections) == 2
          and setting.collector.frames, "the other one")
    with open(client[0], "w") as file:
        file.write("nothing")
    assert client[0] in cli.refused(cli.CONFIG, "reload", pid)
    scene.counts_all = False
    return check(scene, collector)


def changed(place, endpoint):
    return f'dnstap {endpoint} full {{\nextra "change {place}"\n}}\n'


@each(["named", "unbound"])
def test_fifty(name):
    """Under load over UDP, TCP, TLS and HTTPS: one tap stays, and has every message on one
    connection; what the other becomes, over and over, has between them every one, too."""
    staying, changing = Collector(), Collector(name="changing.sock")
    stays = f"dnstap {staying.endpoint} full\n"
    configure(stays + changed(0, changing.endpoint))
    scene = EncryptedScene(name, "/mnt/tap.conf")
    with Everything(scene) as everything:
        everything.go_on(1)
        processes = len(status(name))
        for place in range(1, 51):
            said = reload(name, stays + changed(place, changing.endpoint))
            for word in "unchanged", "removed", "added":
                assert said.count(f" {word}: ") == processes, said
            if place % 10 == 0:
                everything.go_on(1)
        everything.go_on(1)
        for one in status(name):
            assert one["taps"][0]["connects_total"] == 1, one
            assert "change 50" in one["config"], one
    scene.counts_all = False
    scene.stop()
    taps = changing.taps()
    assert len({tap.extra for tap in taps}) > 4
    # By its facts alone: of two taps one may be faster than the other.
    verdict = logged_truly(Scene.compare(scene, taps))
    # What another server answers to a query that the one before has seen is a stranger's.
    missing = [(ends, key) for ends, key in verdict.missing
               if not (key[3] and ends[1] in scene.asks)]
    assert not missing, verdict.text()
    return scene.check(staying.taps())


def memory(pid):
    """In kilobytes."""
    return int(re.search(r"RssAnon:\s*(\d+)", read(f"/proc/{pid}/status")).group(1))


def test_memory():
    """What is read over and over for years stays as large as it was, and a tap that went
    gives its queue back."""
    collector = Collector()
    stays = f"dnstap {collector.endpoint} full\n"
    scene, pid = configured(stays)
    status(pid)
    for _ in range(3):
        cli.good("reload", pid)
    before = memory(pid)
    for _ in range(100):
        assert "unchanged: " in cli.good("reload", pid)
    grown = memory(pid) - before
    assert grown < 1000, grown
    reload(pid, stays + "dnstap /mnt/none.sock full\n")
    with steady_load(scene) as steady:
        until(lambda: status(pid)[0]["taps"][-1]["queued"] > 9000, "a long queue")
        full = memory(pid)
        reload(pid, stays)
        until(lambda: memory(pid) < full - 8000, "its memory")
        steady.go_on(1)
    scene.counts_all = False
    return check(scene, collector)


# What a tap is to log, by what it says; each of them also tells by its extra.
CHOICES = {"queries": "types auth-query client-query", "all": "",
           "responses": "types auth-response client-response",
           "mx": "qtype MX", "not mx": "not qtype MX"}
CHOSEN = {"queries": lambda tap: not tap.is_response, "all": lambda tap: True,
          "responses": lambda tap: tap.is_response,
          "mx": lambda tap: kind(tap) == dns.TYPES["MX"],
          "not mx": lambda tap: kind(tap) != dns.TYPES["MX"]}


def kind(tap):
    """The type that is asked for."""
    return int.from_bytes(dns.first_question(tap.payload)[-4:-2], "big")


def test_choice():
    """Other types and filters, under load: each message is in the log of the choice that
    was in force when it crossed, or was skipped by that."""
    collector = Collector()

    def text(choice):
        return (f"dnstap {collector.endpoint} full {{\nextra \"{choice}\"\n"
                f"{CHOICES[choice]}\n}}\n")

    scene, _ = configured(text("all"), "nsd")
    with load.Steady(scene.server.addresses, "choice", odd=0) as steady:
        for _ in range(2):
            for choice in CHOICES:
                reload("nsd", text(choice))
                steady.go_on(1)
                until(lambda: all(tap["captured_total"] for one in status("nsd")
                                  for tap in one["taps"]), "both processes log")
    scene.counts_all = False
    scene.stop()
    taps = collector.taps()
    assert {tap.extra.decode() for tap in taps} == set(CHOICES)
    odd = [tap for tap in taps if not CHOSEN[tap.extra.decode()](tap)]
    assert not odd, odd[:3]
    logged_truly(scene.compare(taps))
    return {"messages": len(taps)}


@each(["knotd", "nsd"])
def test_end(name):
    """The server's, in the midst of reloads: all is sent, and it is in time."""
    for life in range(4):
        staying, going = (Collector(name=f"{word}{life}.sock") for word in ("stays", "goes"))
        stays = f"dnstap {staying.endpoint} full\n"
        for path, text in ("tap", stays), ("other", f"{stays}dnstap {going.endpoint}\n"):
            with open(f"/mnt/{path}.conf", "w") as file:
                file.write(text)
        scene = Scene(name, "/mnt/tap.conf")
        load.udp(scene.server.addresses, 50, load.Mix("end"))
        staying.wait(scene.settle())
        status(name)
        commands = [subprocess.Popen([cli.COMMAND, "reload", "-c", f"/mnt/{path}.conf", name],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    for path in 4 * ("other", "tap")]
        commands[life].wait()
        scene.counts_all = False
        scene.stop()
        for command in commands:
            command.wait()
        row = scene.check(staying.taps())
    return row


@each(["named", "nsd"])
def test_sixty_four(name):
    """Taps, all at once, and then one again; and the server's end in the midst of that."""
    collector = Collector()
    one = f"dnstap {collector.endpoint} full\n"
    many = one + "".join(f"dnstap /mnt/none{number}.sock full\n" for number in range(63))
    scene, _ = configured(one, name)
    with steady_load(scene) as steady:
        steady.go_on(1)
        assert reload(name, many).count("added: ") == 63 * len(status(name))
        steady.go_on(1)
        until(lambda: all(tap["captured_total"] for process in status(name)
                          for tap in process["taps"]), "all of them")
        assert all(len(process["taps"]) == 64 for process in status(name))
        with open("/mnt/more.conf", "w") as file:
            file.write(one + "dnstap /mnt/more.sock full\n")
        assert "takes a restart" in cli.refused(
            cli.CONFIG, "reload", "-c", "/mnt/more.conf", status(name)[0]["pid"])
        reload(name, one)
        steady.go_on(1)
    scene.counts_all = False
    scene.stop()
    return scene.check(collector.taps())
