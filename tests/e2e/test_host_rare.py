# SPDX-License-Identifier: Apache-2.0
"""What few servers do harms none of them, and the log stays true."""

from harness import host


def played(scene):
    return host.Host(host.build("rare"), scene)


def test_locals():
    """A megabyte of thread-local variables."""
    running = played("locals")
    running.udp(40)
    running.end()
    return running.check()


def test_discard():
    """Octets that are taken out of a TCP stream unread: nobody knows what
    they were, so the stream is given up, and that is counted."""
    running = played("discard")
    running.tcp(1)
    running.end()
    assert not running.collector.taps(orderly=False)
    assert "dropped 1 messages" in running.log(), running.log()
