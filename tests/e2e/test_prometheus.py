# SPDX-License-Identifier: Apache-2.0
"""What Prometheus has of several processes, of two servers, of restarts and of a
kill, through Debian's node_exporter; the alert rules and the dashboard."""

import glob
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request

from harness import load, namespace, servers
from harness.collector import Collector
from harness.process import Process, program, until

SOURCE = pathlib.Path(__file__).parents[2]
CONFIG = SOURCE / "config/prometheus"
FILES = f"{namespace.ROOM}/textfile"
ADDRESSES = {"nsd": namespace.SERVER4, "knotd": "127.0.0.12"}
QUERIES = 400
PROMETHEUS = "127.0.0.1:9090"
EXPORTER = "127.0.0.1:9100"
SETTINGS = f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
rule_files: [{CONFIG}/dnstapshim.rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["{EXPORTER}"]}}]
"""


class Prometheus:
    """With an exporter that reads the directory of the metrics' files."""

    def __init__(self):
        self.exporter = Process([program("prometheus-node-exporter"),
                                 "--collector.disable-defaults", "--collector.textfile",
                                 f"--collector.textfile.directory={FILES}",
                                 f"--web.listen-address={EXPORTER}"])
        until(lambda: self.exporter.alive() and _fetch(f"http://{EXPORTER}/metrics"),
              "node_exporter")
        path = pathlib.Path(f"{namespace.ROOM}/prometheus.yml")
        path.write_text(SETTINGS)
        self.process = Process([program("prometheus"), f"--config.file={path}",
                                f"--storage.tsdb.path={namespace.ROOM}/tsdb",
                                f"--web.listen-address={PROMETHEUS}"])
        until(lambda: self.process.alive() and _fetch(f"http://{PROMETHEUS}/-/ready"),
              "Prometheus")

    def ask(self, expression):
        """What it has now: a list of (labels, value)."""
        text = _fetch(f"http://{PROMETHEUS}/api/v1/query?"
                      + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(text)
        assert answer["status"] == "success", answer
        return [(one["metric"], float(one["value"][1]))
                for one in answer["data"]["result"]]

    def value(self, expression):
        """Of an expression that comes to one sample; None: to none."""
        answer = self.ask(expression)
        assert len(answer) <= 1, answer
        return answer[0][1] if answer else None


def _fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        assert error.code == 503, f"{url}: {error.read()}"
        return ""  # it is about to begin
    except OSError:
        return ""


def start(name, collector, pattern):
    return servers.Running(name, servers.tap_environment(
        f"dnstap {collector.endpoint} full", DNSTAP_METRICS=f"{FILES}/{pattern}"),
        ADDRESSES[name])


def ask(name, seed):
    load.udp([ADDRESSES[name]], QUERIES, load.Mix(seed, odd=0))
    load.tcp([ADDRESSES[name]], QUERIES // 10, load.Mix(f"{seed} tcp", odd=0))


def agree(prometheus, collector):
    """All that the collector has is counted, and nothing twice."""
    def same():
        frames = len(collector.frames)
        return prometheus.value("sum(dnstapshim_sent_total)") == frames == \
            prometheus.value("sum(dnstapshim_captured_total)")

    until(same, "Prometheus has what the collector has")
    return len(collector.frames)


def processes(prometheus, name):
    return {labels["process"] for labels, _ in
            prometheus.ask(f'dnstapshim_captured_total{{program="{name}"}}')}


def sound(prometheus):
    """At no time was there a file with a fault, or a series twice, of which the exporter
    says so, or did a count fall."""
    said = prometheus.exporter.output()
    assert "level=error" not in said and "collected before" not in said, said
    assert prometheus.value("max(max_over_time(node_textfile_scrape_error[1h]))") == 0
    for name in "captured_total", "sent_total":
        assert prometheus.value(f"sum(resets(dnstapshim_{name}[1h]))") == 0, name
    assert prometheus.value('sum(dnstapshim_dropped_total{cause="unaccounted"})') == 0


def expressions():
    """Those of the dashboard, with what Grafana would fill in."""
    dashboard = json.loads((CONFIG / "dnstapshim-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], re.sub(
                r"\$(instance|program)\b", ".*",
                target["expr"].replace("$__rate_interval", "1h"))


def test_restart_and_kill():
    """Two servers, one of them of several processes, and files of one kind in one
    directory: their series go on, whatever becomes of the processes."""
    os.mkdir(FILES)
    prometheus, collector = Prometheus(), Collector()
    running = {name: start(name, collector, "dnstap-%p.prom") for name in ADDRESSES}
    for name in ADDRESSES:
        ask(name, "first")
    collector.hears_from(3, lambda: ask("nsd", "until both have answered"))
    agree(prometheus, collector)
    before = {name: processes(prometheus, name) for name in ADDRESSES}
    assert len(before["nsd"]) == 2, before
    running["nsd"].stop()
    running["nsd"] = start("nsd", collector, "dnstap-%p.prom")
    collector.hears_from(5, lambda: ask("nsd", "second"))
    agree(prometheus, collector)
    running["knotd"].process.send(signal.SIGKILL)
    running["knotd"].process.wait()
    start("knotd", collector, "dnstap-%p.prom")
    ask("knotd", "third")
    count = agree(prometheus, collector)
    assert {name: processes(prometheus, name) for name in ADDRESSES} == before
    sound(prometheus)
    assert len(glob.glob(f"{FILES}/*")) == sum(map(len, before.values()))
    versions = prometheus.ask("count by (program, version) (dnstapshim_build_info)")
    assert {labels["program"] for labels, _ in versions} == set(ADDRESSES)
    empty = []
    for title, expression in expressions():
        if not prometheus.ask(expression):
            empty.append(title)
    assert empty == ["Dropped, by cause"], empty
    return f"{count} messages, {len(list(expressions()))} expressions of the dashboard"


def test_instances():
    """Of one program, with files of their own: one that all its processes share would be
    that of the first."""
    os.mkdir(FILES)
    prometheus, collector = Prometheus(), Collector()
    for at, address in enumerate((namespace.SERVER4, "127.0.0.12")):
        ADDRESSES["knotd"] = address
        start("knotd", collector, f"knot{at}.prom")
        ask("knotd", f"instance {at}")
    agree(prometheus, collector)
    sound(prometheus)
    assert processes(prometheus, "knotd") == {"0", "1"}


UNITS = {"short", "cps", "Bps", "percentunit"}  # of those that Grafana has


def test_dashboard():
    """By Grafana's model of it, as far as that is told: places, units, and a legend that
    tells each line from all others. Rates are of a time in which the library has written
    its file several times."""
    dashboard = json.loads((CONFIG / "dnstapshim-dashboard.json").read_text())
    panels, taken = dashboard["panels"], set()
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at, settings = panel["gridPos"], panel["fieldConfig"]["defaults"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        # A queue may hold more than its size, and what is above would not be seen.
        assert settings["unit"] in UNITS and "max" not in settings, panel["title"]
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            used = set(re.findall(r"\$\{?(\w+)", json.dumps(target))) - {"__rate_interval"}
            assert used <= variables, (panel["title"], used)
            if panel["type"] == "table":
                continue
            by = re.search(r" by \(([^)]*)\)", target["expr"]).group(1).split(", ")
            legend = re.findall(r"{{(\w+)}}", target["legendFormat"])
            assert sorted(by) == sorted(legend), (panel["title"], by, legend)
            assert ("$__rate_interval" in target["expr"]) == (
                target.get("interval") == "1m"), panel["title"]


def test_rules():
    """promtool's own tests of them."""
    for path in CONFIG / "dnstapshim.rules.yml", SOURCE / "tests/prometheus/rules.yml":
        shutil.copy(path, namespace.ROOM)
    for words in ("check", "rules", "dnstapshim.rules.yml"), ("test", "rules", "rules.yml"):
        done = subprocess.run(["promtool", *words], cwd=namespace.ROOM,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
