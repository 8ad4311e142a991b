# SPDX-License-Identifier: Apache-2.0
"""The servers' own dnstap and the library's, of DNS over TLS and HTTPS: where they
differ, and which of the two agrees with the clients."""

from dataclasses import replace

from harness import doh, dot, encrypted, load, servers
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, DOT, EncryptedScene
from test_native import compared

QUERIES, CONNECTIONS = 150, 12
# dnsdist does it by rules.
DNSDIST = """
setSecurityPollSuffix('')
own = newFrameStreamUnixLogger('$tap')
addAction(AllRule(), DnstapLogAction('own', own))
addResponseAction(AllRule(), DnstapLogResponseAction('own', own))
addCacheHitResponseAction(AllRule(), DnstapLogResponseAction('own', own))
"""


def with_native(name):
    server = encrypted.SERVERS[name]
    if name != "dnsdist":
        return server
    text = server.files["dnsdist.conf"].replace("setSecurityPollSuffix('')", "$native")
    return replace(server, files={"dnsdist.conf": text}, native=DNSDIST)


@each(("named", "unbound", "dnsdist"))
def test_compared(name):
    servers.want_native(name)
    shim, native = Collector(), Collector(name="native.sock")
    scene = EncryptedScene(name, f"dnstap {shim.endpoint} full", with_native(name),
                           (DOT, DOH), native=native.endpoint.removeprefix("unix://"))
    dot.ask(scene, QUERIES, load.Mix(name, odd=0), CONNECTIONS)
    doh.ask(scene, QUERIES, name, CONNECTIONS)
    scene.stop(shim)
    scene.check(shim.taps(orderly=scene.server.server.lingers))
    return compared(scene, native, shim)
