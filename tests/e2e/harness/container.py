# SPDX-License-Identifier: Apache-2.0
"""A server in a container, as an image without a trace of dnstap would be run: the
machine's own tree, read-only, is the image, and crun what runs it. The container has
the test's network, as with --network host, and all else by itself."""

import dataclasses
import json
import os
import platform
import subprocess

from . import namespace, servers
from .process import PATH
from .servers import LIBRARY, Running

IMAGE = f"{namespace.ROOM}/image"
SOCKETS = f"{namespace.ROOM}/sockets"  # in the container /run/dnstap
NOBODY = 65534
PROFILE = "/usr/share/containers/seccomp.json"  # as podman has it, and Docker
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())


def build_image():
    """Whatever a mount of the container needs to exist is on a layer above."""
    layer = f"{namespace.ROOM}/layer"
    for directory in IMAGE, SOCKETS, layer:
        os.mkdir(directory)
    os.chmod(SOCKETS, 0o755)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layer], check=True)
    for directory in "up/run/dnstap", "up/recorder", "up/server", "work":
        os.makedirs(f"{layer}/{directory}")
    open(f"{layer}/up/libdnstapshim.so", "w").close()
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir="
                    f"{layer}/up,workdir={layer}/work", IMAGE], check=True)
    # crun looks at what there is, though it is to use none.
    subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"], check=True)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")  # as both engines have it


def seccomp():
    """The engines' default profile for a container without capabilities."""
    with open(PROFILE) as file:
        profile = json.load(file)
    calls = [{key: rule[key] for key in ("names", "action", "args", "errnoRet")
              if rule.get(key) is not None}
             for rule in profile["syscalls"] if "caps" not in rule["includes"]
             and ARCHITECTURE in rule["includes"].get("arches", [ARCHITECTURE])]
    return {"defaultAction": profile["defaultAction"],
            "defaultErrnoRet": profile["defaultErrnoRet"], "syscalls": calls}


def bind(source, target, *options):
    return {"destination": target, "source": source, "options": ["bind", *options]}


def config(words, variables, mounts):
    """No /proc, no /sys, no /dev/shm; /tmp is the only place to write."""
    environment = {"PATH": PATH, **variables}
    return {
        "ociVersion": "1.0.0",
        "root": {"path": IMAGE, "readonly": True},
        "process": {
            "args": words, "cwd": "/", "noNewPrivileges": True, "capabilities": {},
            "env": [f"{name}={value}" for name, value in environment.items()],
            "user": {"uid": NOBODY, "gid": NOBODY}},
        "mounts": [
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "nodev", "mode=1777"]},
            bind("$room", "/server", "ro"), bind(SOCKETS, "/run/dnstap", "ro"), *mounts],
        "linux": {"seccomp": seccomp(), "namespaces": [
            {"type": kind} for kind in ("pid", "mount", "ipc", "uts")]}}


class Container(Running):
    """A server of the table in a container. variables, mounts: beside those of
    every one. Process 1 of it is the server itself."""

    def __init__(self, name, tap, changes=(), mounts=(), **variables):
        server = servers.SERVERS[name]
        files = {file: self._moved(text, changes) for file, text in
                 server.files.items()}
        words = self._moved(server.command, changes).split()
        variables = {"LD_PRELOAD": "/libdnstapshim.so", "DNSTAP_CONFIG": tap, **variables}
        library = bind(LIBRARY, "/libdnstapshim.so", "ro")
        files["config.json"] = json.dumps(config(words, variables, [library, *mounts]))
        super().__init__(name, variant=dataclasses.replace(
            server, files=files, command=f"{self.crun('run')} --bundle $room {name}"))

    @staticmethod
    def _moved(text, changes):
        """The text as it is in the container."""
        text = text.replace("$room", "/server")
        for old, new in changes:
            text = text.replace(old, new)
        return text

    @staticmethod
    def crun(command):
        return (f"crun --root {namespace.ROOM}/state --cgroup-manager=disabled "
                f"{command}")

    def execute(self, *words, variables=()):
        """What a health check is: one more process in the container, with its
        environment. Returns what it prints."""
        done = subprocess.run(
            [*self.crun("exec").split(), self.process.name, *words], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done
        return done.stdout

    def kill(self):
        subprocess.run([*self.crun("kill").split(), self.process.name, "KILL"],
                       check=True)
        self.process.wait()
