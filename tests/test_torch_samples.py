"""PyTorch's own samples: its OpInfo inputs of batch_norm, its ModuleInfo inputs of BatchNorm*d.

Each sample goes through PyTorch and through bnfast, on equal values; outputs, running statistics
and gradients must agree. Samples that bnfast's contract treats otherwise are tested for that.
"""

import re

import numpy as np
import pytest

import bnfast

TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 2e-5}, "float64": {"rtol": 1e-10, "atol": 1e-11}}
MODULES = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


@pytest.fixture(scope="module")
def internal(torch):
    """PyTorch's database of operators and modules. Imported late: it takes seconds."""
    pytest.importorskip("expecttest", reason="PyTorch's samples need the package expecttest")
    from torch.testing._internal import common_methods_invocations, common_modules

    torch.manual_seed(0)
    return common_methods_invocations, common_modules


@pytest.fixture(params=TOLERANCE)
def dtype(request, torch):
    return getattr(torch, request.param)


def near(result, expected, what):
    tolerance = TOLERANCE[str(result.dtype)]
    np.testing.assert_allclose(result, expected.detach().numpy(), err_msg=what, **tolerance)


def array(tensor):
    """Return a copy as a NumPy array; None stays None."""
    return None if tensor is None else tensor.detach().numpy().copy()


def operator_samples(internal, dtype):
    database, _ = internal
    (info, *_) = [o for o in database.op_db if o.name == "nn.functional.batch_norm"]
    samples = list(info.sample_inputs("cpu", dtype, requires_grad=True))
    assert len(samples) >= 12
    return samples


def test_operator_samples(torch, internal, dtype):
    compared = 0
    for sample in operator_samples(internal, dtype):
        if sample.input.ndim > 1:
            compare_operator(torch, sample)
            compared += 1
    assert compared >= 10


def compare_operator(torch, sample):
    """Compare outputs, running statistics and the gradients of all that has one."""
    what = f"input {tuple(sample.input.shape)}, {sample.kwargs}"
    mean, var, weight, bias = sample.args
    x, running = array(sample.input), (array(mean), array(var))
    y = bnfast.batch_norm(x, *running, array(weight), array(bias), **sample.kwargs)
    expected = torch.nn.functional.batch_norm(sample.input, *sample.args, **sample.kwargs)
    near(y, expected, what)
    for result, buffer in zip(running, (mean, var), strict=True):
        if buffer is not None:
            near(result, buffer, what)

    dy = np.random.default_rng(0).standard_normal(x.shape).astype(x.dtype)
    differentiable = (sample.input, weight, bias)
    wanted = [tensor is not None for tensor in differentiable]
    tensors = [tensor for tensor in differentiable if tensor is not None]
    expected = iter(torch.autograd.grad(expected, tensors, torch.from_numpy(dy)))
    for result in gradients(x, dy, running, weight, wanted, sample.kwargs):
        if result is not None:
            near(result.astype(x.dtype), next(expected), what)


def gradients(x, dy, running, weight, wanted, options):
    """Return those of dx, dweight and dbias that are wanted, by the options of a forward."""
    training, eps = options.get("training", False), options.get("eps", 1e-5)
    if training:
        _, mean, invstd, _ = bnfast.batch_norm_forward(x, eps=eps)
    else:
        mean, (invstd, _) = running[0], bnfast.inference_params(*running, eps=eps)
    options = {"training": training, "output_mask": wanted}
    return bnfast.batch_norm_backward(dy, x, mean, invstd, array(weight), **options)[:3]


def test_operator_samples_without_a_channel_axis_are_refused(internal, dtype):
    """PyTorch counts 0 channels in an input of shape (0,), bnfast no axis 1."""
    flat = [sample for sample in operator_samples(internal, dtype) if sample.input.ndim == 1]
    assert len(flat) == 2
    for sample in flat:
        arguments = [array(tensor) for tensor in sample.args]
        with pytest.raises(ValueError, match=r"channel_axis must lie in \[-1, 1\) for a 1-d x"):
            bnfast.batch_norm(array(sample.input), *arguments, **sample.kwargs)


def test_operator_has_no_error_samples_yet(internal, dtype):
    """When PyTorch adds some, they belong here."""
    database, _ = internal
    for info in database.op_db:
        if info.name == "nn.functional.batch_norm":
            assert info.error_inputs_func is None


def module_info(internal, name):
    _, database = internal
    (info,) = [m for m in database.module_db if m.name == f"nn.{name}"]
    return info


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("name", MODULES)
def test_module_samples(torch, internal, name, dtype, training):
    info = module_info(internal, name)
    arguments = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
    samples = info.module_inputs_func(info, **arguments)
    assert len(samples) >= 6
    for sample in samples:
        make, call = sample.constructor_input, sample.forward_input
        theirs = info.module_cls(*make.args, **make.kwargs, dtype=dtype).train(training)
        options = dict(make.kwargs)
        if "bias" in options:
            with pytest.raises(TypeError, match="bias"):
                bnfast.BatchNorm(*make.args, **options)
            assert options.pop("bias") is False  # ours has one, at 0: the same outputs
        ours = bnfast.BatchNorm(*make.args, **options, dtype=str(dtype).removeprefix("torch."))
        compare_module(torch, theirs, ours.train(training), *call.args, what=sample.desc)


def compare_module(torch, theirs, ours, x, what):
    """Compare two steps: outputs, states, and the gradients after each."""
    dy = np.random.default_rng(0).standard_normal(x.shape).astype(array(x).dtype)
    for _ in range(2):
        expected = theirs(x)
        near(ours(array(x)), expected, what)
        for key, buffer in theirs.named_buffers():
            np.testing.assert_allclose(getattr(ours, key), buffer, rtol=1e-5, err_msg=what)
        parameters = dict(theirs.named_parameters())
        tensors = [x, *parameters.values()]
        dx, *rest = torch.autograd.grad(expected, tensors, torch.from_numpy(dy))
        near(ours.backward(dy), dx, what)
        for key, gradient in zip(parameters, rest, strict=True):
            near(getattr(ours, f"{key}_grad"), gradient, f"{what}, {key}")


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("name", MODULES)
def test_module_error_samples(torch, internal, name, dtype, training):
    """PyTorch wants eps > 0 in training; here 0 is allowed, as in inference there."""
    info = module_info(internal, name)
    arguments = {"device": "cpu", "dtype": dtype, "requires_grad": False, "training": training}
    samples = info.module_error_inputs_func(info, **arguments)
    assert samples
    for sample in samples:
        make, call = sample.module_error_input.constructor_input, sample.module_error_input
        assert (sample.error_type, sample.error_regex) == (ValueError, "eps must be positive")
        bn = bnfast.BatchNorm(*make.args, **make.kwargs).train(training)
        x = array(call.forward_input.args[0])
        if bn.eps == 0:
            assert np.all(np.isfinite(bn(x)))
            continue
        message = re.escape(f"eps must be finite and not negative, got {bn.eps}")
        with pytest.raises(sample.error_type, match=message):
            bn(x)
