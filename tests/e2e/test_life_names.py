# SPDX-License-Identifier: Apache-2.0
"""What other users may put at the names of the files that the library writes, and
limits on their size: nobody's file is changed, and nobody waits."""

import os
import resource
import subprocess

from harness import host, namespace, servers
from harness.each import each
from harness.metrics import Metrics
from harness.process import until

EACH = 40
PATH = f"{namespace.ROOM}/metrics.0"
PARTIAL = [f"{PATH}.{pid}.new" for pid in range(1, 400)]  # of any process here
VICTIM = f"{namespace.ROOM}/victim"
TEXT = "what only its owner may read\n"


def victim():
    with open(VICTIM, "w") as file:
        file.write(TEXT)
    os.chmod(VICTIM, 0o600)


def intact():
    with open(VICTIM) as file:
        assert file.read() == TEXT
    assert os.stat(VICTIM).st_mode & 0o777 == 0o600
    return True


def link(name):
    os.symlink(VICTIM, name)


def hard_link(name):
    os.link(VICTIM, name)


def directory(name):
    """With something in it, so that nobody can take it away."""
    os.makedirs(f"{name}/file")


def fifo(name):
    os.mkfifo(name)
    READERS.append(os.open(name, os.O_RDONLY | os.O_NONBLOCK))


READERS = []
OBSTACLES = {"symbolic_link": link, "hard_link": hard_link, "fifo": os.mkfifo,
             "fifo_with_reader": fifo, "directory": directory,
             "stale": lambda name: open(name, "w").close()}


@each(OBSTACLES)
def test_metrics(kind):
    """At the name under which they are made."""
    victim()
    for name in PARTIAL:
        OBSTACLES[kind](name)
    running = host.Host(host.build("end"), "exit", DNSTAP_METRICS=PATH)
    running.udp(EACH)
    running.end(3)
    intact()
    assert os.stat(PATH).st_mode & 0o7777 == 0o644
    metrics = Metrics()
    metrics.check()
    assert metrics.count["sent_total"] == len(running.collector.taps())
    assert not [name for name in os.listdir(namespace.ROOM)
                if name.endswith(".new") and f"{namespace.ROOM}/{name}" not in PARTIAL]
    return running.check()


@each(("metrics", "log", "file"))
def test_size_limit(kind):
    """Whatever cannot be written, the signal about it is not the host's."""
    setting = {"metrics": {"DNSTAP_METRICS": PATH},
               "log": {"DNSTAP_LOG": f"{namespace.ROOM}/log"}, "file": {}}[kind]
    collector = host.Collector()
    if kind == "file":
        collector.endpoint = f"file://{namespace.ROOM}/tap.fstrm"
    running = host.Host(host.build("end"), "exit", collector,
                        through=("sh", "-c", 'ulimit -f 0; exec "$@" 2>&-', "sh"),
                        **setting)
    running.udp(EACH)
    running.end(3)
    if kind != "file":
        running.check()


def test_size_limit_wrong():
    """A wrong configuration, and standard error a file that is full."""
    with open(f"{namespace.ROOM}/errors", "w") as errors:
        done = subprocess.run(
            ["/bin/true"], stderr=errors, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
            env={"LD_PRELOAD": servers.LIBRARY, "DNSTAP_CONFIG": "dnstap /x nonsense"})
    assert done.returncode == 0, done.returncode


def test_flush():
    """The host's fflush(NULL) does not wait for a file of ours that takes
    nothing."""
    fifos = [*PARTIAL, PATH]
    for name in fifos:
        os.mkfifo(name)
        READERS.append(os.open(name, os.O_RDWR | os.O_NONBLOCK))
    for full in READERS:
        os.set_blocking(full, False)
        try:
            while os.write(full, bytes(4096)):
                pass
        except BlockingIOError:
            pass
    absent = "".join(f"\ndnstap {namespace.ROOM}/absent{at}.sock" for at in range(9))
    collector = host.Collector()
    collector.endpoint += f" full{absent}"  # so that the metrics are long
    running = host.Host(host.build("end"), "flush", collector, DNSTAP_METRICS=PATH)
    running.udp(EACH)
    until(lambda: len(collector.frames) == 2 * EACH, "the first messages")
    running.udp(EACH)
    running.end(15)
    return running.check()
