# SPDX-License-Identifier: Apache-2.0
"""The library built with the sanitizers, in hosts that are not."""

import fcntl
import glob
import pathlib
import subprocess

from harness import host, namespace, servers
from harness.each import each
from harness.process import until

TREE = pathlib.Path(__file__).parents[2]
SANITIZERS = {
    "address": ("address,undefined", ("libasan.so", "libubsan.so"), "ASAN_OPTIONS",
                "detect_leaks=0"),
    "thread": ("thread", ("libtsan.so",), "TSAN_OPTIONS", "die_after_fork=0:exitcode=0"),
}
# program, scene, queries, exit status
PLAYS = (("fork", "fork", 120, 0), ("fork", "vfork", 40, 0), ("fork", "workers", 160, 0),
         ("fork", "daemon", 80, 0), ("end", "exit", 40, 3), ("end", "_exit", 40, 4),
         ("end", "threads", 40, 11), ("odd", "handler", 80, 0), ("odd", "both", 200, 0))


def runtime(name):
    return subprocess.run(["gcc", f"-print-file-name={name}"], text=True, check=True,
                          capture_output=True).stdout.strip()


def preloads(kind):
    """The library built so, with what must come before it. Built once, though
    tests run beside each other."""
    words, runtimes, *_ = SANITIZERS[kind]
    library = f"build/{words.replace(',', '-')}/libdnstapshim.so"
    with open(TREE / "build" / "sanitizers.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-C", TREE, f"SAN={words}", library], check=True)
    return ":".join([*map(runtime, runtimes), str(TREE / library)])


def reports(log):
    """What it found. Of two threads whose fds lie in tables of their own the
    thread sanitizer thinks that they share them."""
    return [text for text in log.split("==================\n")
            if ("WARNING: " in text or "ERROR: " in text or "runtime error" in text)
            and "Location is file descriptor" not in text]


@each(SANITIZERS)
def test_clean(kind):
    *_, variable, options = SANITIZERS[kind]
    preload = preloads(kind)
    count = 0
    for program, scene, queries, status in PLAYS:
        # The thread sanitizer does not bear every layout of the memory.
        running = host.Host(host.build(program), scene, through=("setarch", "-R"),
                            LD_PRELOAD=preload, DNSTAP_EXIT_MS="60000",
                            **{variable: f"{options}:log_path={namespace.ROOM}/report"})
        # A fork must not find the tap's thread in the runtime's allocator, the
        # locks of which that leaves as they are: it has begun before.
        running.udp(1)
        running.collector.wait(2)
        running.udp(queries - 1)
        running.end(status)
        until(lambda: not any(servers.udp_sockets()), "the end of every process")
        count += running.check()["messages"]
    for log in glob.glob(f"{namespace.ROOM}/report*"):
        assert not (found := reports(pathlib.Path(log).read_text())), found[0]
    return f"{count} messages"
