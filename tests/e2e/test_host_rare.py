# SPDX-License-Identifier: Apache-2.0
"""What few servers do harms none of them, and the log stays true."""

import socket

from harness import host, namespace
from harness.metrics import SETTING, Metrics

QUERIES = 10


def played(scene, **settings):
    return host.Host(host.build("rare"), scene, **settings)


def test_locals():
    """A megabyte of thread-local variables."""
    running = played("locals")
    running.udp(40)
    running.end()
    return running.check()


def test_discard():
    """Octets that are taken out of a TCP stream unread: nobody knows what
    they were, so that direction is given up, and each call is counted. The answers
    are in the other."""
    running = played("discard")
    running.tcp(QUERIES, QUERIES)
    running.end()
    taps = running.collector.taps(orderly=False)
    assert [tap.is_response for tap in taps] == [True] * QUERIES, taps
    # However many lines it took to say so: the last one has the sum.
    assert f"{QUERIES} in all: stream={QUERIES}" in running.log(), running.log()


def test_discard_nothing():
    """A call that takes none out that way changes nothing."""
    running = played("discard_nothing", **SETTING)
    running.tcp(QUERIES, QUERIES)
    running.end()
    assert not Metrics().drops(), Metrics().drops()
    return running.check()


def test_flags():
    """What is sent with flags that only mean something to those who receive, or as
    urgent, crosses as any other."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((namespace.SERVER4, 5300))
    running = played("flags", **SETTING)
    running.listens()
    with socket.create_connection((namespace.SERVER4, 53)) as connection:
        while connection.recv(4096):
            pass
    running.end(0)
    row = running.check()
    assert row["messages"] == 4 + 3, row
    assert not Metrics().drops(), Metrics().drops()
    return row
