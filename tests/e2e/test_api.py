# SPDX-License-Identifier: Apache-2.0
"""Programs that give messages and metadata themselves, by dnstapshim.h: from C, C++ and
Python, from threads, handlers and children, and where there is no library."""

import collections
import dataclasses
import errno
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys

from harness import cli, dns, dnstap, framestream, given, host, namespace, servers
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import PATH, Process, until
from harness.scene import Scene

SOURCE = pathlib.Path(__file__).parents[2]
HEADER = f"-I{SOURCE}"
WAYS = {
    "c": "gcc -O2 -std=c11 -D_GNU_SOURCE",
    "c.fixed": "gcc -O2 -no-pie -fno-pie",
    "c.unoptimised": "gcc -O0 -no-pie -fno-pie",
    "c.noplt": "gcc -O2 -fno-plt",
    "c.needed": "gcc -O1 -Wl,--as-needed -Wl,-z,now",
    "c.lto": "gcc -O2 -flto -no-pie -fno-pie",
    "c.clang": "clang -O2 -fPIE -pie",
    "c.clang_fixed": "clang -O2 -no-pie -fno-pie -fno-plt",
    "c++": "g++ -O2 -std=c++98 -pedantic -x c++",
    "c++.clang": "clang++ -O2 -std=c++17 -x c++",
    "c.static": "gcc -static",
}


def compiled(way):
    program = f"{namespace.ROOM}/probe"
    subprocess.run([*WAYS[way].split(), "-Wall", "-Wextra", "-Werror", HEADER,
                    f'-DHOW="{way}"', str(SOURCE / "tests/e2e/host/probe.c"),
                    "-o", program], check=True)
    return program


def said(program, **environment):
    done = subprocess.run([program], env={"PATH": PATH, **environment}, text=True,
                          capture_output=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout.split()


@each(WAYS)
def test_compiled(way):
    """However it is compiled, with the library and without."""
    program = compiled(way)
    nosys = str(-errno.ENOSYS)
    assert said(program) == [nosys] * 4
    collector = Collector()
    environment = servers.tap_environment(
        f'dnstap {collector.endpoint} full {{ extra "{{/probe/how}} {{/probe/note}}" }}',
        DNSTAP_LOG="off")
    unused = {**environment, "DNSTAP_CONFIG": ""}
    if way == "c.static":
        assert said(program, **environment) == [nosys] * 4
        return "no library in it"
    gone = str(-errno.ENOENT)
    assert said(program, **unused) == ["0", gone, gone, gone]
    assert said(program, **environment) == ["1", collector.endpoint, "0", "1", "0", "0",
                                            gone]
    frame, = collector.taps()
    assert frame.extra == f"{way} -".encode(), frame
    assert (frame.type, frame.protocol) == ("CLIENT_QUERY", "DOQ"), frame
    return None


def giver(tap, *arguments, **environment):
    """A program in Python that gives such messages as given.some() returns."""
    return Process([sys.executable, "-m", "harness.given", *map(str, arguments)],
                   environment=servers.tap_environment(
                       tap, PYTHONPATH=str(SOURCE / "tests/e2e"), **environment))


def give(tap, seed, count):
    giver(tap, seed, count, **SETTING).wait(0)


def test_ctypes():
    """Every field, there or not."""
    collector = Collector()
    count, seed = 2000, 7
    give(f'dnstap {collector.endpoint} full {{ extra "{{/test/name}}" }}', seed, count)
    collector.wait(count)
    found = [given.logged(frame) for frame in collector.frames]
    for ours, theirs in zip(given.some(seed, count), found, strict=True):
        differ = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        assert not differ, f"{ours.get('extra')}: {differ}"
    metrics().check()
    return f"{count} messages"


def test_killed():
    """What was given is in the flight recorder, with all that was told of it."""
    recorders, count, seed = f"{namespace.ROOM}/recorders", 300, 10
    os.mkdir(recorders)
    process = giver(
        f'dnstap {namespace.ROOM}/nobody.sock full {{ extra "{{/test/name}}" }}',
        seed, count, "stay", DNSTAP_RECORDER=recorders)
    until(lambda: process.alive() and (files := os.listdir(recorders)) and
          len(cli.run("recover", "--live", "-j", f"{recorders}/{files[0]}")
              .stdout.splitlines()) == count, "the recorder has all")
    process.send(signal.SIGKILL)
    process.wait(-signal.SIGKILL)
    target = f"{namespace.ROOM}/recovered.fstrm"
    cli.good("recover", "-w", target, recorders)
    found = [given.logged(frame) for frame in framestream.read_file(target)]
    assert found == given.some(seed, count)
    return f"{len(found)} messages"


def metrics(tap=None):
    found = Metrics(tap)
    found.add_up()
    return found


def play(scene, collector, tap="full", **settings):
    program = host.build("given", HEADER)
    process = Process([program, scene], name=scene, environment=servers.tap_environment(
        f'dnstap {collector.endpoint} {tap} {{ extra "{{/given/how}}" }}',
        **SETTING, **settings))
    process.wait(0)
    return int(process.output().split()[-1])


def numbers(collector):
    """number → how it was given; each of them once, and as it was given."""
    found = {}
    for tap in collector.taps():
        assert tap.query_port not in found, f"{tap} is there twice"
        assert tap.query_time == 1700000000 * 10**9 + tap.query_port, tap
        assert int.from_bytes(tap.query_message[:2], "big") == tap.query_port, tap
        found[tap.query_port] = tap.extra.decode()
    return found


@each(["threads", "handlers", "first", "children"])
def test_given(scene):
    """Without any DNS port, and each message once."""
    collector = Collector()
    count = play(scene, collector)
    found = numbers(collector)
    metrics().check()
    hows = collections.Counter(found.values())
    if scene == "children":  # they count from where they were forked
        assert len(collector.frames) == 8000 and set(hows) == {"parent", "child"}, hows
    else:
        assert sorted(found) == list(range(1, count + 1))
    if scene == "handlers":
        assert hows["interrupted"] == 20000 and hows["handler"] > 100, hows
    return f"{dict(hows)}"


@each(["full", "absent"])
def test_lost(kind):
    """More than there is room for, or nobody to take it: counted."""
    collector = Collector()
    if kind == "absent":
        collector.kill()
    collector.pause()
    environment = {"DNSTAP_EXIT_MS": "500"}
    count = play("many", collector, **environment)
    collector.resume()
    found = metrics()
    assert found.count["captured_total"] == count, found.count
    assert found.dropped["queue_full"] + found.dropped["endpoint"] + \
        found.count["sent_total"] == count, (found.count, found.dropped)
    assert found.dropped["queue_full"], found.dropped
    if kind == "absent":
        assert not found.count["sent_total"]
    return f"{found.drops()}"


def test_one_tap():
    """A message for one of two taps, of which one has no messages."""
    first, second = Collector(name="first.sock"), Collector(name="second.sock")
    program = host.build("given", HEADER)
    Process([program, "one_tap"], environment=servers.tap_environment(
        f"dnstap {first.endpoint} full\ndnstap {second.endpoint}", **SETTING)).wait(0)
    assert len(first.taps()) == 10 and len(second.taps()) == 20
    assert all(tap.query_message for tap in first.taps())
    assert not any(tap.query_message for tap in second.taps())
    for tap, count in (0, 10), (1, 20):
        metrics(tap).check()
        assert metrics(tap).count["captured_total"] == count


CHOICES = {
    "types tool stub-response": lambda said: said["type"] in (10, 11, 12),
    "not qtype A": lambda said: False,
    "rsize 1000": lambda said: len(said.get("response_message", b"")) >= 1000,
    "client 0.0.0.0/1": lambda said: "query_address" in said and
        len(said["query_address"]) == 4 and said["query_address"][0] < 128,
    "duration 1s": lambda said: {"query_time", "response_time"} <= set(said) and
        said["response_time"][0] + said["response_time"][1] / 1e9
        - said["query_time"][0] - said["query_time"][1] / 1e9 >= 1,
}


@each(CHOICES)
def test_choice(choice):
    """What a tap chooses of them."""
    collector = Collector()
    count, seed = 1000, 8
    give(f'dnstap {collector.endpoint} full {{\n'
         f'extra "{{/test/name}}"\n{choice}\n}}', seed, count)
    wanted = [said for said in given.some(seed, count) if CHOICES[choice](said)]
    metrics().check()
    assert metrics().count["skipped_total"] == count - len(wanted)
    assert [given.logged(frame) for frame in collector.frames] == wanted
    return f"{len(wanted)} of {count}"


def test_anonymized():
    """Addresses, and what a policy says of a client's."""
    collector = Collector()
    count, seed = 500, 9
    give(f"dnstap {collector.endpoint} {{ anonymize 8 16 }}", seed, count)
    masked = 0
    for ours, frame in zip(given.some(seed, count), collector.frames, strict=True):
        theirs = given.logged(frame)
        for side in "query_address", "response_address":
            address = ours.get(side)
            keep = 1 if ours["socket_family"] == 1 else 2
            assert theirs.get(side) == (address and address[:keep].ljust(
                len(address), b"\0")), theirs
            masked += address is not None
        policy = ours.get("policy", {})
        if policy.get("match") == 2:
            assert not {"rule", "value"} & set(theirs["policy"]), theirs
    return f"{masked} addresses"


def test_switched_off():
    """While an operator has it off nothing is taken, and that is said."""
    collector = Collector()
    program = host.build("given", HEADER)
    child = subprocess.Popen(
        [program, "told"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PATH": PATH, **servers.tap_environment(f"dnstap {collector.endpoint} full",
                                                     **SETTING)})

    def ask():
        child.stdin.write("\n")
        child.stdin.flush()
        return int(child.stdout.readline())

    assert ask() == 0
    collector.wait(1)
    for word, expected in ("off", -errno.EAGAIN), ("on", 0):
        cli.good(word, child.pid)
        assert ask() == expected, word
    child.stdin.close()
    assert child.wait() == 0
    assert [tap.query_port for tap in collector.taps()] == [1, 3]
    metrics().check()


def test_noted():
    """A note goes with the message that it is for, and with no other."""
    collector = Collector()
    program = host.build("noted", HEADER)
    process = Process([program], environment=servers.tap_environment(
        f'dnstap {collector.endpoint} full {{\n'
        'extra "{/policy/name} {/policy/rule}"\ntypes client-response\n}',
        **SETTING))
    process.wait(0)
    expected = dict(line.split(" ", 1) for line in process.output().splitlines()
                    if line[0].isdigit())
    found = {str(int.from_bytes(tap.payload[:2], "big")): tap.extra.decode()
             for tap in collector.taps()}
    assert found == expected, f"{found}\n{expected}"
    metrics().check()
    assert len(expected) == 19
    return f"{len(expected)} messages"


def with_module(name):
    """The server with its example of config/api."""
    where = SOURCE / "config/api"
    server = servers.SERVERS[name]
    (file, text), = server.files.items()
    if name == "unbound":
        text = text.replace('"iterator"', '"python iterator"') + \
            f'python:\n    python-script: "{where}/unbound.py"\n'
    else:
        text += f'dofile("{where}/dnsdist.lua")\n'
    # Python looks for Debian's modules beside the program, which is a copy.
    return dataclasses.replace(server, files={file: text}, environment={
        "PYTHONPATH": "/usr/lib/python3/dist-packages"})


def ask(address, names, batch=40):
    """Asks for each, so many at a time. Returns name → rcode."""
    answered = {}
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(60)
    peer.connect((address, 53))
    for at in range(0, len(names), batch):
        some = dict(enumerate(names[at:at + batch], at))
        for number, name in some.items():
            peer.send(dns.query(number, name, rd=True))
        for _ in some:
            answer = peer.recv(65535)
            answered[names[dns.ident(answer)]] = dns.flags(answer) & 15
    return answered


# What the log says of a response that the policy did not make.
MODULES = {"unbound": "-", "dnsdist": "passed"}


@each(MODULES)
def test_module(name):
    """Debian's server with a module that notes a policy's name: it is with those
    responses that the policy made, and with no other."""
    collector = Collector()
    scene = Scene(name, f'dnstap {collector.endpoint} full {{\n'
                        'extra "{/policy/name}"\n}',
                  variant=with_module(name))
    names = [f"{i}.blocked.test" if i % 3 == 0 else f"host{i % 5}.test" if i % 3 == 1
             else f"{i}.none.test" for i in range(600)]
    answered = ask(scene.server.addresses[0], names)
    assert all(answered[one] == 3 for one in names[::3]), answered
    for one in "tcp.blocked.test", "host7.test":
        subprocess.run(["dig", "+tcp", "+retry=0", f"@{scene.server.addresses[0]}", one],
                       check=True, capture_output=True)
    scene.stop(collector)
    found, over_tcp = collections.Counter(), []
    for tap in collector.taps(orderly=False):
        extra = "-"
        if tap.type == "CLIENT_RESPONSE":
            blocked = b"\7blocked\4test\0" in dns.first_question(tap.payload)
            extra = "blocked" if blocked else MODULES[name]
            found[extra] += 1
            over_tcp += [extra] if tap.protocol == "TCP" else []
        assert tap.extra.decode() == extra, tap
    assert found["blocked"] == 201 and found[MODULES[name]] > 400, found
    assert over_tcp == ["blocked", MODULES[name]], over_tcp
    return f"{dict(found)}"


def test_relay():
    """A server without a socket of DNS gives what passes through it: each of its four
    messages, as its client and its upstream have them."""
    collector, count, path = Collector(), 300, f"{namespace.ROOM}/relay.sock"
    servers.Running("nsd", address=namespace.UPSTREAM)
    relay = Process([host.build("relay", HEADER), path, str(count), namespace.UPSTREAM],
                    environment=servers.tap_environment(
        f'dnstap {collector.endpoint} full {{ extra "{{/relay/number}} {{name}} '
        '{port}" }', DNSTAP_PORTS="5399", **SETTING))
    until(lambda: relay.alive() and os.path.exists(path), "the relay")
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    peer.bind(f"{namespace.ROOM}/client.sock")
    expected = []
    until(lambda: relay.output().split(), "its port")
    own = int(relay.output().split()[-1])
    for number in range(count):
        name = f"host{number % 70}.test"
        query = dns.query(number, name, rd=number % 2, qtype="AAAA")
        client = bytes((192, 0, 2, number % 200)), 1000 + number
        peer.sendto(struct.pack(">4sH6x", *client) + query, path)
        response = peer.recv(65535)
        address = f"192.0.2.{number % 200}"
        for kind, protocol, side, port in (
                ("CLIENT_QUERY", "DOQ", address, client[1]),
                ("FORWARDER_QUERY", "DNSCryptUDP", None, 53),
                ("FORWARDER_RESPONSE", "DNSCryptUDP", None, 53),
                ("CLIENT_RESPONSE", "DOQ", address, client[1])):
            expected.append((kind, protocol, side, client[1] if side else own,
                             query, response if "RESPONSE" in kind else None,
                             f"{number} {name}. {port}"))
    relay.wait(0)
    assert not collector.errors
    found = []
    for frame in collector.frames:
        said = given.logged(frame)
        kind = dnstap.TYPES[said["type"] - 1]
        found.append((
            kind, dnstap.PROTOCOLS[said["socket_protocol"] - 1],
            socket.inet_ntoa(said["query_address"]) if "CLIENT" in kind else None,
            said["query_port"], said["query_message"], said.get("response_message"),
            said["extra"].decode()))
        assert ("response_time" in said) == ("RESPONSE" in kind), said
    for ours, theirs in zip(expected, found, strict=True):
        assert ours == theirs, f"{ours}\n{theirs}"
    metrics().check()
    return f"{len(found)} messages"


def test_versions():
    """Each public name has the version of exports.map; libc's have none."""
    text = subprocess.run(["readelf", "--dyn-syms", "-W", servers.LIBRARY], check=True,
                          capture_output=True, text=True).stdout
    shown = re.findall(r"FUNC +GLOBAL +DEFAULT +\d+ (\S+)", text)
    ours = {name for name in shown if "dnstapshim" in name}
    assert ours == {f"dnstapshim_{name}@@DNSTAPSHIM_1" for name in (
        "taps", "tap_message", "tap_message_with_metadata", "note")}, ours
    assert not [name for name in shown if "@" in name and name not in ours]


