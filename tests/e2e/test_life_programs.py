# SPDX-License-Identifier: Apache-2.0
"""LD_PRELOAD is inherited: programs that merely resolve, copy or compute do the
same, and say the same, with the library in them as without."""

import os
import pathlib
import re
import resource
import shutil
import subprocess

from harness import namespace, servers
from harness.collector import listening
from harness.each import each
from harness.process import PATH, Process, until

WORK = f"{namespace.ROOM}/work"
PORT = 8000
PREPARE = "seq 1 200000 | rev > lines; mkdir tree; cp lines tree; "
PROGRAMS = {
    "curl": f"curl -sS file://{WORK}/lines | cksum; curl -sS -o page "
            f"http://127.0.0.1:{PORT}/served; cksum < page; "
            "curl -sS http://127.0.0.1:1/; curl -sS http://no-such.test/",
    "apt-get": "mkdir lists; set -- -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD; "
               "apt-get \"$@\" -s remove perl; apt-get \"$@\" install no-such-package",
    "git": "git init -q a; cp lines a; git -C a add lines; git -C a commit -qm one; "
           "git clone -q --no-local a b; git -C b log -p | cksum; git -C b fsck; "
           "git clone git://127.0.0.1:1/none",
    "ssh": "ssh -V; ssh -F none -p 1 root@127.0.0.1 true; "
           "ssh -F none root@no-such.test true; ssh-keygen -q -t ed25519 -N '' -f key",
    "python": "python3 -c 'import socket, ssl, subprocess\n"
              "for name in \"host1.test\", \"no-such.test\":\n"
              "    try:\n"
              "        print(sorted(socket.getaddrinfo(name, 80)))\n"
              "    except OSError as error:\n"
              "        print(error)\n"
              "print(subprocess.run([\"cksum\", \"lines\"], capture_output=True))'",
    "tar": "tar czf - --mtime=@0 tree | tar xzvf - -C /dev/shm; tar cf - --mtime=@0 lines | cksum",
    "sort": "sort -S 1M --parallel=2 lines | cksum; sort no-such",
    "perl": "perl -MSocket -MIO::Socket::INET -e 'print inet_ntoa((gethostbyname("
            "q(host1.test)))[4]), qq(\\n); IO::Socket::INET->new(q(127.0.0.1:1)) or "
            "print $@, qq(\\n); open(F, q(-|), q(cksum lines)); print <F>; exec q(false)'",
    "gcc": "echo 'int main(void) { return 7; }' > 7.c; gcc -pipe -O2 7.c -o 7; ./7; "
           "echo $?; echo 'int x = y;' > bad.c; gcc -c bad.c",
}
SAME = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@a", "HOME": WORK, "LC_ALL": "C", "PATH": PATH}


def played(script, environment):
    """What it says and how it ends, and its CPU time. The shell that runs the
    programs has the library too."""
    shutil.rmtree(WORK, ignore_errors=True)
    os.mkdir(WORK)
    subprocess.run(["sh", "-c", PREPARE], cwd=WORK, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["sh", "-c", script], cwd=WORK, env={**SAME, **environment},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    left = sorted(path.name for path in pathlib.Path(WORK).rglob("*")
                  if ".git" not in str(path))
    said = re.sub(rb"after \d+ ms", b"after a while", done.stderr)  # curl
    return ((done.returncode, done.stdout, said, left),
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def resolve_here():
    """The machine's resolver, for this test alone."""
    resolver = f"{namespace.ROOM}/resolv.conf"
    pathlib.Path(resolver).write_text(f"nameserver {namespace.SERVER4}\n")
    subprocess.run(["mount", "--bind", resolver, os.path.realpath("/etc/resolv.conf")],
                   check=True)
    servers.Running("nsd")


@each(PROGRAMS)
def test_same(name):
    resolve_here()
    pathlib.Path(f"{namespace.ROOM}/served").write_text("page\n" * 1000)
    Process(["python3", "-m", "http.server", str(PORT), "-b", "127.0.0.1"])
    until(lambda: listening(PORT), "the web server")
    tap = servers.tap_environment("dnstap /mnt/none.sock full", DNSTAP_LOG="off")
    played(PROGRAMS[name], {})  # so that both find their files in memory
    bare, bare_cpu = played(PROGRAMS[name], {})
    preloaded, preloaded_cpu = played(PROGRAMS[name], tap)
    assert bare == preloaded, f"\n{bare}\n{preloaded}"
    assert bare[1] or bare[2], bare
    return {"CPU, bare": f"{bare_cpu:.2f} s", "preloaded": f"{preloaded_cpu:.2f} s"}
