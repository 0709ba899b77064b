"""The command line: help, exit statuses, and what `bnfast info` tells."""

import json
import subprocess
import sys

import numpy as np
import pytest

import bnfast
from bnfast import config
from bnfast.cli import main
from bnfast.cli.progress import Progress

MAPS = """\
7f0000000000-7f0000001000 r-xp 00000000 fe:01 12   /usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0
7f0000001000-7f0000002000 r--p 00001000 fe:01 12   /usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0
7f0000003000-7f0000004000 r-xp 00000000 fe:01 13 /opt/with blank/libgomp-24e2ab19.so.1.0.0 (deleted)
7f0000005000-7f0000006000 r-xp 00000000 fe:01 14   /opt/llvm/libomp.so.5
7f0000006000-7f0000007000 r-xp 00000000 fe:01 14   /opt/intel/libiomp5.so
7f0000007000-7f0000008000 r-xp 00000000 fe:01 15   /opt/llvm/libomptarget.so
7f0000008000-7f0000009000 r-xp 00000000 fe:01 16   /opt/libgomp.so.1/unrelated.txt
7f0000009000-7f000000a000 rw-p 00000000 00:00 0
7f000000b000-7f000000c000 rw-p 00000000 00:00 0    [stack]
"""


def status_of_exit(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.fixture
def facts():
    return config.info()


@pytest.mark.parametrize("command", [[], ["info"], ["demo"], ["stats"], ["normalize"]])
def test_help_names_the_command_and_ends_0(command, capsys):
    assert status_of_exit([*command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: {' '.join(['bnfast', *command])} ")


def test_help_lists_commands_and_statuses(capsys):
    status_of_exit(["--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("info", "demo", "1 a check failed", "3 could not", "141"))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "COMMAND"),
        (["unheard-of"], "unheard-of"),
        (["info", "--unheard-of"], "--unheard-of"),
        (["demo", "--output", "picture.jpg"], "ends in .png, got 'picture.jpg'"),
        (["demo", "--output", "nowhere/picture.png"], "no directory 'nowhere'"),
    ],
)
def test_wrong_usage_ends_2_and_says_what_is_wrong(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert status_of_exit(arguments) == 2
    assert message in capsys.readouterr().err


def test_version(capsys):
    assert status_of_exit(["--version"]) == 0
    assert capsys.readouterr().out == f"bnfast {bnfast.__version__}\n"


@pytest.mark.once
def test_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "bnfast", "info", "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(run.stdout)["build"]["version"] == bnfast.__version__
    assert run.stderr == ""


@pytest.mark.once
def test_output_that_nobody_reads_ends_the_command_quietly():
    command = [sys.executable, "-m", "bnfast", "info"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.close()
        said = run.stderr.read()
    assert (run.returncode, said) == (141, b"")


def test_info_as_json_is_the_dictionary(capsys, facts):
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == facts


def test_info_agrees_with_the_library(facts):
    assert facts["build"]["version"] == bnfast.__version__
    assert facts["isa"]["in_use"] == bnfast.isa()
    assert facts["isa"]["available"] == list(bnfast.available_isas())
    assert set(facts["isa"]["available"]) <= set(facts["isa"]["built"])
    assert facts["threads"]["threads"] == bnfast.get_num_threads()
    assert facts["versions"]["numpy"] == np.__version__


def test_info_follows_the_thread_setting():
    script = "import bnfast; from bnfast.cli import main; bnfast.set_num_threads(3); main(['info'])"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert "threads          3, from set_num_threads" in run.stdout


def test_info_as_text_tells_every_fact(capsys, facts):
    assert main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["bnfast"].startswith(facts["build"]["version"])
    assert lines["compiler"] == facts["build"]["compiler"]
    assert facts["isa"]["in_use"] in lines["ISA"]
    assert facts["threads"]["source"] in lines["threads"]
    assert f"numpy {np.__version__}" in lines["versions"]


def test_info_loads_no_optional_package():
    script = (
        "import sys; from bnfast.cli import main; main(['info']);"
        "loaded = {'torch', 'sklearn', 'matplotlib', 'PIL', 'ml_dtypes'} & set(sys.modules);"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_openmp_runtimes_are_found_once_each(tmp_path, monkeypatch):
    maps = tmp_path / "maps"
    maps.write_text(MAPS)
    monkeypatch.setattr(config, "_PROCESS_MAPS", maps)
    assert config.loaded_openmp_runtimes() == [
        {"name": "libiomp5.so", "path": "/opt/intel/libiomp5.so"},
        {"name": "libomp.so.5", "path": "/opt/llvm/libomp.so.5"},
        {"name": "libgomp-24e2ab19.so.1.0.0", "path": "/opt/with blank/libgomp-24e2ab19.so.1.0.0"},
        {"name": "libgomp.so.1.0.0", "path": "/usr/lib/x86_64-linux-gnu/libgomp.so.1.0.0"},
    ]


def test_openmp_runtimes_are_unknown_where_the_system_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "_PROCESS_MAPS", tmp_path / "missing")
    facts = config.info()
    assert facts["openmp_runtimes"] is None
    assert "OpenMP runtimes  unknown" in config.describe(facts)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_own_openmp_runtime_is_seen(facts):
    if facts["build"]["openmp"]:
        assert facts["openmp_runtimes"]


def test_text_of_what_is_missing(facts):
    facts["openmp_runtimes"] = []
    facts["build"]["openmp"] = False
    facts["caches"] = {"l1d": 0, "l2": 1 << 20}
    facts["threads"] |= {"source": "cgroup quota", "cgroup_quota": 1.5}
    text = config.describe(facts)
    for part in ("none loaded", "not built in", "L1D unknown, L2 1024 KiB", "quota of 1.5 CPUs"):
        assert part in text


def test_missing_packages_are_none_in_the_dictionary_and_named_in_show_versions(
    monkeypatch, capsys
):
    monkeypatch.setattr(config, "OPTIONAL_PACKAGES", ("a-package-nobody-has",))
    assert config.package_versions()["a-package-nobody-has"] is None
    bnfast.show_versions()
    assert "a-package-nobody-has not installed" in capsys.readouterr().out


def test_show_versions_names_python_and_numpy(capsys):
    bnfast.show_versions()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["bnfast"] == bnfast.__version__
    assert lines["numpy"] == np.__version__
    assert lines["python"] == sys.version.split()[0]


def test_show_config_prints_or_returns(capsys, facts):
    assert bnfast.show_config() is None
    assert capsys.readouterr().out == config.describe(facts) + "\n"
    assert bnfast.show_config(mode="dicts") == facts
    assert capsys.readouterr().out == ""


def test_show_config_refuses_another_mode():
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', got 'yaml'"):
        bnfast.show_config(mode="yaml")


@pytest.mark.parametrize(
    "terminal, term, shown", [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_progress_is_for_terminals(terminal, term, shown, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    with Progress() as progress:
        progress("reading")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == ("\r\x1b[K... reading\r\x1b[K" if shown else "")
