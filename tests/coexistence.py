"""What test_coexistence.py does in a process: bnfast, PyTorch and scikit-learn work by turns, each
with several threads, and every thread count is looked at before and after."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import sklearn.cluster
import sklearn.svm  # loads scikit-learn's OpenMP runtime
import threadpoolctl
import torch

import bnfast

THREADS = 3  # more than one, on any machine
ROUNDS = 3
SECONDS = 300  # of a child: a hang is a failure; a busy machine is not
RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (16, 32, 40, 40)).astype(np.float32)  # 3 MB: worth several threads
TABLE = np.concatenate([RNG.normal(centre, 0.1, (4000, 2)) for centre in (-5, 0, 5)])
WIDE = X.astype(np.float64)
MEAN, VAR = WIDE.mean((0, 2, 3), keepdims=True), WIDE.var((0, 2, 3), keepdims=True)
NORMALIZED = (WIDE - MEAN) / np.sqrt(VAR + 1e-5)


def counts():
    """Return every thread count that a runtime of this process tells."""
    pools = {
        pool["filepath"]: pool["num_threads"]
        for pool in threadpoolctl.threadpool_info()
        if pool["internal_api"] in ("openmp", "openblas", "mkl", "blis")
    }
    assert any("omp" in path for path in pools), "no OpenMP runtime is seen at all"
    own = {"bnfast": bnfast.get_num_threads(), "torch": torch.get_num_threads()}
    return {**pools, **own}


def use_bnfast(num_threads=THREADS):
    y = bnfast.batch_norm(X, training=True, num_threads=num_threads)
    np.testing.assert_allclose(y, NORMALIZED, rtol=0, atol=2e-6)
    mean, var, _ = bnfast.moments(X, num_threads=num_threads)
    np.testing.assert_allclose(mean, MEAN.ravel(), rtol=1e-12)
    np.testing.assert_allclose(var, VAR.ravel(), rtol=1e-12)


def use_torch():
    found = torch.nn.functional.batch_norm(torch.from_numpy(X), None, None, training=True)
    np.testing.assert_allclose(found.numpy(), NORMALIZED, rtol=0, atol=1e-4)
    square = torch.from_numpy(WIDE.reshape(-1, 1600)[:400, :400])
    np.testing.assert_allclose((square @ square).numpy(), square.numpy() @ square.numpy())


def use_sklearn():
    found = sklearn.cluster.KMeans(3, n_init=1, random_state=0).fit(TABLE)
    centres = np.sort(found.cluster_centers_, axis=0)
    np.testing.assert_allclose(centres, [[c, c] for c in (-5, 0, 5)], atol=0.05)


def check_own_runtime():
    """Of a wheel that carries an OpenMP runtime, that one must be loaded."""
    carried = Path(bnfast.__file__).parents[1] / "bnfast.libs"
    loaded = [path for path in counts() if path.startswith(str(carried))]
    assert len(loaded) == carried.is_dir(), loaded


def take_turns():
    check_own_runtime()
    before = counts()
    for _ in range(ROUNDS):
        for use in (use_bnfast, use_torch, use_sklearn, use_bnfast, use_sklearn, use_torch):
            use()
            assert counts() == before, use.__name__


def set_one_by_one():
    """Set a count in one place: it must change there, and nowhere else of the two."""
    torch_count, own_count = torch.get_num_threads(), bnfast.get_num_threads()
    bnfast.set_num_threads(own_count + 1)
    use_bnfast(None)
    assert (bnfast.get_num_threads(), torch.get_num_threads()) == (own_count + 1, torch_count)
    bnfast.set_num_threads(1)
    use_bnfast(None)
    assert (bnfast.get_num_threads(), torch.get_num_threads()) == (1, torch_count)
    bnfast.set_num_threads(None)

    torch.set_num_threads(torch_count + 1)
    use_torch()
    assert (bnfast.get_num_threads(), torch.get_num_threads()) == (own_count, torch_count + 1)
    torch.set_num_threads(1)
    with threadpoolctl.threadpool_limits(1):
        use_bnfast(None)
        assert (bnfast.get_num_threads(), torch.get_num_threads()) == (own_count, 1)
    assert (bnfast.get_num_threads(), torch.get_num_threads()) == (own_count, 1)


def use_threads_where_torch_has_one():
    """For a process in which no call has started threads yet."""
    torch.set_num_threads(1)
    before = threads_of_this_process()
    use_bnfast()
    assert threads_of_this_process() == before + THREADS - 1
    assert torch.get_num_threads() == 1


def threads_of_this_process():
    return len(list(Path("/proc/self/task").iterdir()))


def work_at_the_same_time():
    before = counts()
    failed = []

    def work(use):
        try:
            for _ in range(ROUNDS):
                use()
        except BaseException as error:
            failed.append(error)
            raise

    uses = (use_bnfast, use_torch, use_sklearn, use_bnfast)
    workers = [threading.Thread(target=work, args=(use,)) for use in uses]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert counts() == before


def work_in_a_forked_child():
    """Fork behind a parallel region of each: the child computes with bnfast, alone, and ends."""
    for use in (use_bnfast, use_torch, use_sklearn):
        use()
    before = counts()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)  # ends a child that hangs
        use_bnfast()
        os._exit(0 if threads_of_this_process() == 1 else 2)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), f"the child hung or died: signal {os.WTERMSIG(status)}"
    assert os.WEXITSTATUS(status) == 0
    use_bnfast()
    use_torch()
    assert counts() == before
