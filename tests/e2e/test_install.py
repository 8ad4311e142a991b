# SPDX-License-Identifier: Apache-2.0
"""What is installed: the tree, the Debian package, the manual pages and the
examples. Nothing is put into the machine that the tests run on."""

import os
import pathlib
import re
import shutil
import subprocess

from harness import cli, namespace, servers
from harness.certificates import Authority
from harness.collector import Collector
from harness.each import each
from harness.process import Process, until
from harness.servers import LIBRARY

SOURCE = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("DNSTAPSHIM_BUILD", "build"))
ROOT = f"{namespace.ROOM}/root"
# Of the kernel that Debian's policy is written for; Ubuntu's AppArmor names none.
FEATURES = next(filter(os.path.exists, ("/usr/share/apparmor-features/features",
                                        "/etc/apparmor.d/abi/3.0")), "")
PAGES = ("dnstapshim.1", "dnstapshim.3", "dnstapshim.conf.5", "libdnstapshim.so.8")
UNITS = sorted(path.name.removesuffix(".service.d")
               for path in (SOURCE / "config/systemd").glob("*.service.d"))
SERVICES = sorted(path.name for path in (SOURCE / "config/systemd").glob("dnstap-*"))
PROFILES = sorted(path.name for path in (SOURCE / "config/apparmor").iterdir())


def run(*command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def files(root):
    return {str(path.relative_to(root)): path.stat().st_mode & 0o777
            for path in pathlib.Path(root).rglob("*") if not path.is_dir()}


def make(*words):
    return run("make", "-C", str(SOURCE), "--no-print-directory", *words)


def test_make_install():
    make("install", f"DESTDIR={ROOT}", "PREFIX=/opt/shim")
    installed = files(f"{ROOT}/opt/shim")
    assert installed["lib/libdnstapshim.so"] == 0o755
    assert installed["bin/dnstapshim"] == 0o755
    for page in PAGES:
        assert installed[f"share/man/man{page[-1]}/{page}"] == 0o644
    assert "share/doc/dnstapshim/examples/dnstapshim.conf" in installed
    about = {"PKG_CONFIG_PATH": f"{ROOT}/opt/shim/lib/pkgconfig", **os.environ}
    path = run("pkg-config", "--variable=preload", "dnstapshim", env=about).strip()
    assert path == "/opt/shim/lib/libdnstapshim.so"
    flags = run("pkg-config", "--cflags", "--libs", "dnstapshim", env=about).split()
    assert flags == ["-I/opt/shim/include"], flags
    source = SOURCE / "tests/e2e/host/probe.c"
    lone = pathlib.Path(f"{ROOT}/probe.c")  # nothing of the tree beside it
    lone.write_text(source.read_text().replace("shim/api/dnstapshim.h", "dnstapshim.h"))
    run("gcc", '-DHOW="installed"', f"-I{ROOT}{flags[0][2:]}", str(lone), "-o",
        f"{namespace.ROOM}/probe")
    lone.unlink()
    version = run("pkg-config", "--modversion", "dnstapshim", env=about).strip()
    assert version in run(f"{ROOT}/opt/shim/bin/dnstapshim", "--version")
    stranger = pathlib.Path(f"{ROOT}/opt/shim/share/doc/dnstapshim/notes")
    stranger.write_text("the administrator's own\n")
    make("uninstall", f"DESTDIR={ROOT}", "PREFIX=/opt/shim")
    assert list(files(ROOT)) == ["opt/shim/share/doc/dnstapshim/notes"]
    return f"{len(installed)} files"


def test_where_no_loader_looks():
    """Where its directory is in no ld.so.conf, make install says what to do; and that
    does it. The machine's own files stay as they are."""
    for lower in "/etc", "/var/cache/ldconfig", "/opt":
        own = f"{namespace.ROOM}/own{lower}"
        os.makedirs(f"{own}/upper")
        os.makedirs(f"{own}/work")
        run("mount", "-t", "overlay", "overlay", lower, "-o",
            f"lowerdir={lower},upperdir={own}/upper,workdir={own}/work")
    said = make("install", "PREFIX=/opt/shim")
    todo, = re.findall(r"^  (echo /opt/shim/lib .*)", said, re.M)
    run("sh", "-c", todo)
    assert "The loader does not look" not in make("install", "PREFIX=/opt/shim")
    assert not run("true", env={**os.environ, "LD_PRELOAD": "libdnstapshim.so"})
    assert "/opt/shim" in run("ldconfig", "-p")


def test_specfile():
    """Fedora's has this version, and all files that are installed."""
    spec = (SOURCE / "config/packaging/dnstapshim.spec").read_text()
    version = run(cli.COMMAND, "--version").split()[1]
    assert re.search(r"^Version: +(\S+)", spec, re.M).group(1) == version
    make("install", f"DESTDIR={ROOT}", "PREFIX=/usr", "LIBDIR=/usr/lib64")
    macros = {"%{_bindir}": "usr/bin", "%{_libdir}": "usr/lib64", "%{name}":
              "dnstapshim", "%{_mandir}": "usr/share/man", "%{_docdir}":
              "usr/share/doc", "%{_datadir}": "usr/share", "%{_includedir}":
              "usr/include", "site-functions": "vendor-completions"}
    listed = re.findall(r"^%\{_.*", spec.partition("%files")[2], re.M)
    for macro, path in macros.items():
        listed = [line.replace(macro, path).rstrip("*") for line in listed]
    unlisted = [path for path in files(ROOT) if not path.startswith(tuple(listed))]
    unused = [line for line in listed
              if not any(path.startswith(line) for path in files(ROOT))]
    assert listed and not unlisted and not unused, (unlisted, unused)


def dpkg(*words):
    """On a system of its own, of which only this package is installed."""
    return run("dpkg", f"--admindir={ROOT}/var/lib/dpkg", f"--instdir={ROOT}",
               f"--log={ROOT}/var/log", "--force-depends", *words)


def built_elsewhere():
    """The package from another directory, at another time and by another umask."""
    elsewhere = f"{namespace.ROOM}/another/directory"
    shutil.copytree(SOURCE, elsewhere, ignore=shutil.ignore_patterns("build", ".git"))
    run("faketime", "+500 days", "make", "-C", elsewhere, "deb", umask=0o077)
    package, = pathlib.Path(elsewhere).glob("build/dnstapshim_*.deb")
    return package


def test_deb():
    make("deb")
    package, = BUILD.glob("dnstapshim_*.deb")
    version = run(cli.COMMAND, "--version").split()[1]
    assert re.match(rf"dnstapshim_{version}-\d+_", package.name), (version, package)
    assert package.read_bytes() == built_elsewhere().read_bytes()
    run("lintian", "--allow-root", "--fail-on", "error,warning", str(package))
    for directory in "info", "updates", "triggers":
        os.makedirs(f"{ROOT}/var/lib/dpkg/{directory}")
    for file in "status", "available":
        pathlib.Path(f"{ROOT}/var/lib/dpkg/{file}").touch()
    dpkg("--install", str(package))
    installed = files(f"{ROOT}/usr")
    library, = (path for path in installed if path.endswith(".so"))
    assert installed[library] == 0o755  # it is a program, too
    use_installed()
    dpkg("--purge", "dnstapshim")
    assert not os.path.exists(f"{ROOT}/usr"), files(f"{ROOT}/usr")
    return f"{len(installed)} files, lintian content, purged"


def use_installed():
    """As somebody who has just installed it: the package's /usr is laid over
    the machine's, for this test alone."""
    merged = f"{namespace.ROOM}/usr"
    shutil.copytree(f"{ROOT}/usr", merged, symlinks=True)
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={merged}:/usr", "/usr")
    servers.Running("nsd")
    collector = Process(["dnstapshim", "read", "-u", f"{namespace.ROOM}/tap.sock"])
    until(lambda: os.path.exists(f"{namespace.ROOM}/tap.sock"), "no collector")
    dig = ["dig", "+short", "+norec", f"@{namespace.SERVER4}", "host1.test"]
    bare = run(*dig)
    # By its bare name: it lies where the loader looks.
    assert run(*dig, env={**os.environ, "LD_PRELOAD": "libdnstapshim.so",
                          "DNSTAP_LOG": "off", "DNSTAP_CONFIG":
                          f"dnstap {namespace.ROOM}/tap.sock full"}) == bare
    assert bare in run("dnstapshim", "run", "-t", f"{namespace.ROOM}/tap.sock full",
                       "--log", "off", "--", *dig)

    def kinds():
        return re.findall(r"^\S+ ([A-Z]{2}) .* \"host1.test.\"", collector.output(), re.M)

    until(lambda: len(kinds()) >= 4, "four messages")
    collector.stop()
    assert kinds() == ["RQ", "RR"] * 2, collector.output()


def test_library_as_program():
    """It says what it is, however it is started."""
    for command in ([LIBRARY], [f"./{os.path.basename(LIBRARY)}", "--help"],
                    ["/lib64/ld-linux-x86-64.so.2", LIBRARY]):
        if command[0].startswith("/lib64") and not os.path.exists(command[0]):
            continue  # another architecture's
        said = run(*command, cwd=os.path.dirname(LIBRARY))
        assert re.match(r"libdnstapshim \d+\.\d+\.\d+\n", said), said
        assert f"LD_PRELOAD={LIBRARY} " in said, said
    with open("/dev/full", "w") as full:
        assert subprocess.run([LIBRARY], stdout=full).returncode == 1


def test_demo():
    """It shows what it promises; where it may not have namespaces, it says what to
    do before anything is built."""
    demo = str(SOURCE / "tests/demo")
    said = run(demo)
    # Where there is no dnstap-read it shows the other collector's file the same way.
    ours, _, _ = said.partition("What fstrm_capture wrote")
    assert ours.count("CQ ::1 TCP") == 1 and "4 not sent" in said, said
    asked = subprocess.run(["setpriv", "--bounding-set=-sys_admin",
                            "--inh-caps=-sys_admin", demo, "ask"], text=True,
                           capture_output=True)
    assert asked.returncode == 77 and "docker run" in asked.stderr, asked
    steps = re.findall(r"\S+", run("make", "-n", "-C", str(SOURCE), "demo"))
    assert steps.index("tests/demo") < steps.index("tests/setup"), steps


@each(PAGES)
def test_manual(page):
    said = subprocess.run(["mandoc", "-Tlint", "-Wstyle", f"man/{page}"], text=True,
                          capture_output=True, cwd=SOURCE).stdout
    # Of pages that are not installed, or not in mandoc's index.
    found = [line for line in said.splitlines() if "referenced manual" not in line]
    assert not found, found


@each(UNITS)
def test_systemd(unit):
    """Debian's unit takes the drop-in; a stub stands in for one not installed."""
    where = pathlib.Path(f"{namespace.ROOM}/units")
    shutil.copytree(SOURCE / f"config/systemd/{unit}.service.d",
                    where / f"{unit}.service.d")
    debian = pathlib.Path(f"/lib/systemd/system/{unit}.service")
    stub = "[Service]\nExecStart=/bin/true\n"
    (where / f"{unit}.service").write_text(
        debian.read_text() if debian.exists() else stub)
    # Lines that are commented out are to be as right as the others.
    drop_in = where / f"{unit}.service.d/dnstapshim.conf"
    drop_in.write_text(re.sub(r"(?m)^#(?=[A-Z]\w+=)", "", drop_in.read_text()))
    said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
               f"{unit}.service", env={**os.environ, "SYSTEMD_UNIT_PATH": f"{where}:"})
    assert "dnstapshim" not in said, said
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)", drop_in.read_text(), re.M))
    assert settings["LD_PRELOAD"] == "libdnstapshim.so"
    assert settings["DNSTAP_CONFIG"] == "/etc/dnstapshim.conf"
    return "Debian's unit" if debian.exists() else "a stub"


@each(SERVICES)
def test_service(unit):
    """Units of our own are in order."""
    where = pathlib.Path(f"{namespace.ROOM}/units")
    where.mkdir()
    for name in SERVICES:
        text = (SOURCE / f"config/systemd/{name}").read_text()
        (where / name).write_text(text.replace("ExecStart=dnstapshim", "ExecStart=true"))
    said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit,
               env={**os.environ, "SYSTEMD_UNIT_PATH": f"{where}:"})
    assert "dnstap" not in said, said


def calls(environment):
    """The system calls of a dig that asks, thread by thread."""
    trace = f"{namespace.ROOM}/strace.log"
    run("strace", "-f", "-o", trace, "dig", "+short", "+norec",
        f"@{namespace.SERVER4}", "host1.test", env={**os.environ, **environment})
    return set(re.findall(r"(?m)^\d+ +(\w+)\(", pathlib.Path(trace).read_text()))


@each(["unix", "tcp"])
def test_system_call_filter(kind):
    """What the library adds to a program's system calls passes the filters of
    Debian's units, which kill."""
    servers.Running("nsd")
    collector = Collector(6000 if kind == "tcp" else None)
    added = calls(servers.tap_environment(
        f"dnstap {collector.endpoint} full",
        DNSTAP_METRICS=f"{namespace.ROOM}/metrics")) - calls({})
    collector.wait(2)
    assert "ppoll" in added, added  # the tap's thread was there
    filters = 0
    for unit in UNITS:
        unit = pathlib.Path(f"/lib/systemd/system/{unit}.service")
        text = unit.read_text() if unit.exists() else ""
        for name in " ".join(re.findall(r"(?m)^SystemCallFilter=~(.*)", text)).split():
            group = run("systemd-analyze", "syscall-filter", name).split()
            assert not added & set(group), f"{unit}: {name}: {added & set(group)}"
            filters += 1
    assert filters
    return f"{len(added)} calls, {filters} filters"


@each(PROFILES)
def test_apparmor(profile):
    """Debian's profile with the local rules compiles, and into another policy."""
    base = f"{namespace.ROOM}/apparmor.d"
    shutil.copytree("/etc/apparmor.d", base, symlinks=True)

    def compiled(local):
        pathlib.Path(f"{base}/local/{profile}").write_text(local)
        return subprocess.run(
            ["apparmor_parser", "-Q", "-K", "-S", "--base", base,
             "--features-file", FEATURES, f"{base}/{profile}"],
            capture_output=True, check=True).stdout

    rules = (SOURCE / f"config/apparmor/{profile}").read_text()
    assert compiled(rules) != compiled("")


def test_example_configuration():
    """As it stands, and with each tap that it has commented out."""
    example = (SOURCE / "config/dnstapshim.conf").read_text()
    taps = re.findall(r"(?m)^# (dnstap .*)\n((?:#\t.*\n)*# \})", example)
    assert len(taps) > 3, example
    more = "\n".join(head + "\n" + re.sub(r"(?m)^# ?", "", body)
                     for head, body in taps)
    authority = Authority("example")  # the files that the example names
    shutil.copy(authority.certificate, f"{authority.directory}/ca.pem")
    for pem, made in zip(("cert.pem", "key.pem"), authority.sign("tap")):
        shutil.copy(made, f"{authority.directory}/{pem}")
    for text in example, example + more:
        text = text.replace("/etc/dnstapshim/", f"{authority.directory}/")
        run(str(BUILD / "dnstapshim"), "check", "-", input=text)
    return f"{1 + len(taps)} taps"
