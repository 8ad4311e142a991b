# SPDX-License-Identifier: Apache-2.0
"""dnstapshim completion: shells know every option that --help shows."""

import os
import re
import subprocess

from harness import cli
from harness.process import PATIENCE

NAMES = re.findall(r"^  (\w+) ", cli.good("help"), re.M)

BASH = """
. <({command} completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_dnstapshim
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# zsh's own completion works on a terminal only; what it is told is enough.
ZSH = """
compdef() {{ }}
_arguments() {{ print -rl -- "$@" }}
_describe() {{ print -rl -- ${{(P)2}} }}
. /mnt/_dnstapshim
words=(dnstapshim $@) CURRENT=$(($# + 1))
_dnstapshim
"""


def options(name):
    """Those that --help shows."""
    shown = cli.good("help", name)
    return set(re.findall(r"(?<=[ ,] )(--?[a-zA-Z][\w-]*)(?=[ ,])", "\n".join(
        line for line in shown.splitlines() if re.match(r" +-", line))))


def bash(*words):
    return subprocess.run(
        ["bash", "-c", BASH.format(command=cli.COMMAND), "bash", "dnstapshim", *words],
        check=True, text=True, capture_output=True, timeout=PATIENCE).stdout.splitlines()


def test_bash():
    os.mkdir("/mnt/some directory")
    assert set(bash("")) == {*NAMES, "help", "version"}
    assert bash("recov") == ["recover"]
    for name in NAMES:
        assert set(bash(name, "-")) == options(name) | {"--help"}, name
    assert bash("help", "ins") == ["inspect"]
    assert bash("run", "--log", "sy") == ["syslog"]
    assert bash("run", "--recorder", "/mnt/some") == ["/mnt/some directory"]
    assert bash("read", "-n", "") == [""]
    assert bash("completion", "") == ["bash", "zsh"]


def zsh(*words):
    return subprocess.run(["zsh", "-f", "-c", ZSH.format(), "zsh", *words],
                          check=True, text=True, capture_output=True,
                          timeout=PATIENCE).stdout.splitlines()


def test_zsh():
    with open("/mnt/_dnstapshim", "w") as script:
        script.write(cli.good("completion", "zsh"))
    assert [line.split(":")[0] for line in zsh("")] == [*NAMES, "help", "version"]
    for name in NAMES:
        known = {found[1] for line in zsh(name, "-")
                 if (found := re.match(r"(?:\*|\(- \*\))(--?[a-zA-Z][\w-]*)\[", line))}
        assert known == options(name) | {"--help"}, name
    log, = (line for line in zsh("run", "-") if line.startswith("*--log"))
    assert log.endswith(":TARGET:(stderr syslog off)"), log
    files, = (line for line in zsh("read", "-") if line.startswith("*-r["))
    assert files.endswith(":FILE:_files"), files
