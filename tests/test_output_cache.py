"""The memory of freed results: what takes it again, how much is kept, and how that is chosen."""

import sys

import numpy as np
import pytest

import bnfast
from large_results import MIB, ROWS, X, Y, address, held, large, run

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("output_cache")]


def test_freed_memory_serves_a_result_that_fills_most_of_it():
    first = large(ROWS * 9 // 8)
    where, held_for_it = address(first), first.nbytes
    del first
    assert held_for_it <= held() < held_for_it + 64 * 1024  # whole pages
    y = large()
    assert address(y) == where
    assert held() == 0
    assert np.array_equal(y, Y)


@pytest.mark.parametrize("rows", [ROWS * 9 // 8 + 4096, ROWS * 2])
def test_much_larger_memory_is_not_taken(rows):
    first = large(rows)
    del first
    kept = held()
    assert kept > 0
    y = large()
    assert held() == kept
    assert np.array_equal(y, Y)


def test_larger_results_do_not_lie_in_smaller_memory():
    first = large()
    del first
    y = large(ROWS + 1)
    assert held() > 0
    assert np.array_equal(y[:ROWS], Y)


def test_the_best_fit_is_taken():
    arrays = [large(ROWS + extra) for extra in (8192, 2048, 16384)]
    wanted = address(arrays[1])
    del arrays
    assert address(large()) == wanted


def test_the_bound_holds_and_the_oldest_go_first():
    bnfast.set_output_cache(40 * MIB)
    arrays = [large() for _ in range(4)]
    places = [address(array) for array in arrays]
    while arrays:
        del arrays[0]
        assert held() <= 40 * MIB
    assert held() == 2 * X.nbytes
    again = [large(), large()]
    assert {address(y) for y in again} == set(places[2:])


def test_at_most_sixteen_are_kept():
    bnfast.set_output_cache(1024 * MIB)
    arrays = [large() for _ in range(18)]
    arrays.clear()
    assert held() == 16 * X.nbytes


def test_what_exceeds_the_bound_is_not_kept():
    bnfast.set_output_cache(X.nbytes - 1)
    y = large()
    assert np.array_equal(y, Y)
    del y
    assert held() == 0


def test_empty_cache_returns_the_bytes():
    arrays = [large(), large(ROWS + 2048)]
    total = sum(array.nbytes for array in arrays)
    arrays.clear()
    assert total <= bnfast.empty_cache() <= total + 128 * 1024
    assert bnfast.empty_cache() == 0
    assert held() == 0


def test_the_switch():
    kept, lives = large(), large()
    del kept
    assert held() > 0
    bnfast.set_output_cache(0)
    assert bnfast.get_output_cache() == held() == 0
    assert large().base is None
    assert np.array_equal(lives, Y)
    del lives
    assert held() == 0
    bnfast.set_output_cache(64 * MIB)
    assert bnfast.get_output_cache() == 64 * MIB
    assert large().base is not None


def test_a_smaller_bound_holds_at_once():
    arrays = [large() for _ in range(3)]
    arrays.clear()
    assert held() == 3 * X.nbytes
    bnfast.set_output_cache(20 * MIB)
    assert held() == X.nbytes


@pytest.mark.parametrize(
    "bad, error, message",
    [
        (-1, ValueError, r"^max_bytes must not be negative, got -1$"),
        (2**70, ValueError, "^max_bytes is out of range, got 1180591620717411303424$"),
        (1.5, TypeError, r"^max_bytes must be an integer, got 1\.5 of type float$"),
        ("64M", TypeError, "^max_bytes must be an integer, got '64M' of type str$"),
    ],
)
def test_bad_bounds(bad, error, message):
    with pytest.raises(error, match=message):
        bnfast.set_output_cache(bad)
    assert bnfast.get_output_cache() == 256 * MIB


def test_a_refused_call_gives_its_memory_back():
    running = np.ones(16)
    with pytest.raises(ValueError, match="activation"):
        bnfast.batch_norm(X, running, running, activation="tanh")
    before = held()
    for _ in range(3):
        with pytest.raises(ValueError, match="correction"):
            bnfast.batch_norm(X, running, running, training=True, running_var_correction=ROWS)
    assert held() == before


FACTS = "import bnfast; print(bnfast.get_output_cache(), bnfast._core.output_cache()['source'])"


@pytest.mark.parametrize(
    "text, most", [("0", 0), ("12345678", 12345678), ("64K", 2**16), ("256M", 2**28), ("2G", 2**31)]
)
def test_environment(text, most):
    ended = run(FACTS, BNFAST_OUTPUT_CACHE=text)
    assert ended.stdout.split() == [str(most), "BNFAST_OUTPUT_CACHE"]


@pytest.mark.parametrize("environment", [{}, {"BNFAST_OUTPUT_CACHE": ""}], ids=["unset", "empty"])
def test_the_default_is_a_share_of_the_memory(environment):
    most, source = run(FACTS, **environment).stdout.split()
    assert 0 < int(most) <= 512 * MIB
    assert source == ("default" if int(most) == 512 * MIB else "memory")


@pytest.mark.parametrize("text", ["-1", "much", "1.5M", "12 M", "12MB", "M", "9999999999999999999"])
def test_a_bad_environment_is_an_error(text):
    ended = run("import bnfast", BNFAST_OUTPUT_CACHE=text)
    assert ended.returncode == 1
    message = (
        "ImportError: BNFAST_OUTPUT_CACHE must be a number of bytes, as 268435456 or 256M, "
        f"got '{text}'"
    )
    assert message in ended.stderr


def test_setting_can_be_taken_back():
    program = f"import bnfast; bnfast.set_output_cache(5); bnfast.set_output_cache(None); {FACTS}"
    ended = run(program, BNFAST_OUTPUT_CACHE="32M")
    assert ended.stdout.split() == [str(32 * MIB), "BNFAST_OUTPUT_CACHE"]


def test_info_tells_the_bound():
    text = bnfast.config.describe(bnfast.config.info())
    assert "output cache     up to 256 MiB, from set_output_cache; holds 0 MiB" in text
    bnfast.set_output_cache(0)
    text = bnfast.config.describe(bnfast.config.info())
    assert "output cache     off, from set_output_cache" in text


RESIDENT = """
import numpy, bnfast
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
x = numpy.ones((2**20, 16), numpy.float32)
bnfast.affine(x[:9], numpy.ones(16), numpy.ones(16))
bnfast.set_output_cache(100 * 2**20)
before, seen = resident(), []
for repeat in range(4):
    arrays = [bnfast.affine(x[: 2**20 - 2**17 * i], numpy.ones(16), numpy.ones(16))
              for i in range(5)]
    arrays.clear()
    seen.append(resident() - before)
bnfast.empty_cache()
print(max(seen), resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's VmRSS")
def test_resident_memory_is_bounded_and_given_back():
    ended = run(RESIDENT)
    assert ended.returncode == 0, ended.stderr
    most, least = map(int, ended.stdout.split())
    assert most < 104 * MIB
    assert least < 4 * MIB


SCARCE = """
import resource, numpy, bnfast
x, c = numpy.ones((2**20, 16), numpy.float32), numpy.ones(16)
bnfast.set_output_cache(2**30)
y = bnfast.affine(x, c, c)
del y
kept = bnfast._core.output_cache()["held_bytes"]
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**24, mapped + 2**24))
y = bnfast.affine(x[: 2**19], c, c)
print(kept, bnfast._core.output_cache()["held_bytes"], (y == 2).all())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's statm")
def test_what_is_kept_makes_room_for_a_result():
    ended = run(SCARCE)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(64 * MIB), "0", "True"]
