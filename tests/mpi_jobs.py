"""Programs of tests/mpi, run by a real mpiexec."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
TIME_LIMIT = 300

ENVIRONMENT = {
    "BNFAST_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "",  # else ranks' lines mix
    "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    ),
    # Open MPI: more ranks than cores, and in containers, where all is root's.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


class Ended(NamedTuple):
    """How a job ended; one that does not end within the time limit fails the test."""

    status: int
    output: str


def mpiexec():
    """Return the command: that of the environment's own MPI, else the system's."""
    beside_python = Path(sys.executable).with_name("mpiexec")
    found = str(beside_python) if beside_python.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec: install an MPI (pip install mpich, apt install openmpi-bin)")
    return found


def run(ranks, program, *arguments, options=()):
    """Run a program of tests/mpi, with options of the interpreter before its name."""
    command = [mpiexec(), "-n", str(ranks), sys.executable, *options]
    command += [str(TESTS / "mpi" / program), *map(str, arguments)]
    job = subprocess.Popen(
        command,
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = job.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        pytest.fail(f"{program} {arguments} on {ranks} ranks still ran after {TIME_LIMIT} s")
    return Ended(job.returncode, output)


def succeed(ranks, program, *arguments):
    """Run a program that must end well."""
    ended = run(ranks, program, *arguments, options=["-W", "error", "-m", "mpi4py"])
    assert ended.status == 0, ended.output
