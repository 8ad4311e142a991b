# SPDX-License-Identifier: Apache-2.0
"""How cost grows: with threads, taps, the size of messages, of queues, and the number
of connections; and a million messages a second. Each time all that was sent must be
accounted for: in the collectors' hands, or counted as dropped."""

import os
import random
import re
import resource
import socket
import subprocess
import tempfile
import time

import servers

MESSAGES = 200000
WARM = 20000  # go round all slots that are used over and over
BURST = 2000000  # of the million a second
PLENTY = 4  # times 10,000 messages: room for all but that
SPARE = 200  # fds
OPEN = 1000  # connections that are begun at a time

# kind: what is varied, of threads, taps, size, queue, count and rate.
SETTINGS = {
    "threads": [{"threads": n} for n in (1, 2, 4, 8, 16)],
    "taps": [{"taps": n, "count": 20000} for n in (1, 4, 16, 64)],
    "octets": [{"size": n} for n in (64, 256, 512, 1232, 4000)],
    "queue": [{"queue": n, "count": 50000} for n in (1, 64, 4096)],
    "million": [{"threads": 16, "count": BURST, "rate": 1000000},
                {"threads": 16, "count": BURST, "rate": 1000000, "queue": 64},
                {"threads": 16, "count": BURST, "rate": 1000000, "queue": 64,
                 "taps": 4}],
    "connections": [{"connections": n, "count": 0} for n in (1000, 5000, 20000)],
}
USUAL = {"threads": 2, "taps": 1, "size": 64, "queue": PLENTY, "count": MESSAGES,
         "rate": 0, "connections": 0}


def free_port():
    """For UDP and TCP, and none that a connection may be from."""
    while True:
        address = "127.0.0.1", random.randrange(10000, 32000)
        try:
            with socket.create_server(address), socket.socket(
                    socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
                datagrams.bind(address)
                return address[1]
        except OSError:
            pass


class Host:
    """bench/scale with so many taps, each to a sink of its own."""

    def __init__(self, build, room, taps, queue):
        own = tempfile.mkdtemp(dir=room)
        self.port, self.metrics = free_port(), f"{own}/metrics"
        self.sinks = [servers.Sink(build, f"{own}/{i}.sock", cpu=None)
                      for i in range(taps)]
        self.child = subprocess.Popen(
            [f"{build}/bench/scale", str(self.port)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={
                "PATH": servers.PATH, "DNSTAP_LOG": "off",
                "LD_PRELOAD": f"{build}/libdnstapshim.so",
                "DNSTAP_PORTS": str(self.port), "DNSTAP_METRICS": self.metrics,
                "DNSTAP_EXIT_MS": "60000", "DNSTAP_CONFIG": "; ".join(
                    f"dnstap {sink.path} full 4 {queue}" for sink in self.sinks)})
        self.child.stdout.readline()

    def send(self, threads, count, size, rate):
        """Seconds that it took, and seconds of the processor's."""
        self.child.stdin.write(f"send {threads} {count} {size} {rate}\n")
        self.child.stdin.flush()
        return [float(word) for word in self.child.stdout.readline().split()[1:]]

    def resident(self):
        with open(f"/proc/{self.child.pid}/status") as status:
            return sum(int(kib) for kib in re.findall(
                r"^Rss(?:Anon|Shmem):\s+(\d+)", status.read(), re.M)) / 1024

    def used_by_taps(self):
        """Seconds of the processor's."""
        used = 0
        tasks = f"/proc/{self.child.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm") as name:
                ours = name.read() == "dnstapshim\n"
            with open(f"{tasks}/{task}/schedstat") as times:
                used += int(times.read().split()[0]) / 1e9 if ours else 0
        return used

    def count(self, name):
        """Of all taps, as the file of the metrics has it."""
        with open(self.metrics) as file:
            return sum(int(value) for value in re.findall(
                rf"^dnstapshim_{name}(?:{{.*}})? (\d+)$", file.read(), re.M))

    def stop(self):
        """Returns what the sinks have got."""
        self.child.stdin.close()
        self.child.wait()
        return sum(int(sink.stop()["frames"]) for sink in self.sinks)


class Connections:
    """Clients of a host that ask one query each, and stay."""

    def __init__(self, port, count):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\5scale\5bench\4test\0\0\1\0\1"
        self.sockets = []
        while len(self.sockets) < count:
            these = [socket.create_connection(("127.0.0.1", port))
                     for _ in range(min(OPEN, count - len(self.sockets)))]
            for one in these:
                one.sendall(len(query).to_bytes(2, "big") + query)
            for one in these:
                assert len(one.recv(512)) == 2 + len(query)
            self.sockets += these

    def close(self):
        for one in self.sockets:
            one.close()


def measure(build, room, kind, setting):
    """What one setting costs, as a row of the table. Of connections there are fewer
    where the limit of open files does not allow so many."""
    s = {**USUAL, **setting}
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE
    if s["connections"] > allowed:
        s["connections"] = setting["connections"] = allowed
    host = Host(build, room, s["taps"], s["queue"])
    host.send(1, 100, 64, 0)  # taps begin with the first messages
    time.sleep(0.3)
    before = host.resident()
    used = host.send(s["threads"], WARM, s["size"], 0)[1]
    time.sleep(0.3)
    taps_before = host.used_by_taps()
    row = {"kind": kind, **setting, "cold_us": 1e6 * used / WARM}
    offered = begun = 100 + WARM
    if s["connections"]:
        clients = Connections(host.port, s["connections"])
        offered += 2 * s["connections"]
    else:
        seconds, used = host.send(s["threads"], s["count"], s["size"], s["rate"])
        offered += s["count"]
        row.update(offered=s["count"] / seconds, server_us=1e6 * used / s["count"])
    time.sleep(1)
    row["memory_mb"] = host.resident() - before
    messages = (offered - begun) * s["taps"]
    row["tap_us"] = 1e6 * (host.used_by_taps() - taps_before) / messages
    if s["connections"]:
        clients.close()
    frames = host.stop()
    captured, dropped = host.count("captured_total"), host.count("dropped_total")
    row.update(messages=messages, dropped=dropped,
               accounted=captured == offered * s["taps"] == frames + dropped)
    return row


def report_rows(found, at_most, at_least):
    """For the table of targets."""
    lost = sum(not row["accounted"] for row in found)
    yield at_most("of any size: settings with a message unaccounted for", 0, lost,
                  form="g")
    taps = {row["taps"]: row for row in found if row["kind"] == "taps"}
    million = next(row for row in found if row["kind"] == "million")
    yield at_least("16 threads, a million messages a second offered: of these",
                   0.95, million["offered"] / million["rate"], " ×",
                   f" ({million['dropped']:,} of {million['messages']:,} dropped)")
    yield at_most("64 taps, beside 16: a message on the server's threads", 4,
                  taps[64]["server_us"] / taps[16]["server_us"], " ×",
                  f" ({taps[64]['server_us']:.1f} of {taps[16]['server_us']:.1f} µs)")


def table(found):
    yield ("| what grows | to | messages | a second | server's threads, µs a message "
           f"| of the first {WARM:,} | tap's, µs a message and tap | memory, MB "
           "| dropped | accounted for |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in found:
        kind, names = row["kind"], {**USUAL, **row}
        to = names[{"octets": "size", "million": "threads"}.get(kind, kind)]
        if kind == "million":
            to = f"{to} threads, queue {names['queue']}, {names['taps']} taps"
        yield (f"| {kind} | {to if kind == 'million' else f'{to:,}'} "
               f"| {row['messages']:,} | {row.get('offered', 0):,.0f} "
               f"| {row.get('server_us', 0):.2f} | {row['cold_us']:.2f} "
               f"| {row['tap_us']:.2f} "
               f"| {row['memory_mb']:.1f} | {row['dropped']:,} "
               f"| {'yes' if row['accounted'] else 'NO'} |")


def run(build, room, progress):
    found = []
    for kind, settings in SETTINGS.items():
        for setting in settings:
            progress(f"scale: {kind}, {setting}")
            found.append(measure(build, room, kind, setting))
    return found
