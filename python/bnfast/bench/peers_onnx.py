"""ONNX Runtime among the timed, if it is installed: inference in NCHW into a given output."""

import importlib.util

import numpy as np

from bnfast.bench.operations import EPS, Array, Call, Problem

ONNX_RUNTIME = "ONNX Runtime"
# Its threads spin after a call unless told not to: at the cost of whoever comes next.
_OPTIONS = {"session.force_spinning_stop": "1"}
_OPSET, _IR_VERSION = 15, 8


def installed() -> bool:
    """Whether ONNX Runtime, and onnx to write the model, can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def onnxruntime_calls(operation: str, problem: Problem, threads: int) -> dict[str, Call]:
    """Return ONNX Runtime's call: for inference, and for channels first, all that it has."""
    has = operation in ("inference", "layer") and problem.channel_axis == 1
    return {ONNX_RUNTIME: _inference(problem, threads)} if has and installed() else {}


def _inference(p: Problem, threads: int) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    for name, value in _OPTIONS.items():
        options.add_session_config_entry(name, value)
    session = onnxruntime.InferenceSession(_model(p), options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("x", p.x)
    binding.bind_output("y", "cpu", 0, np.float32, p.out.shape, p.out.ctypes.data)

    def call() -> Array:
        session.run_with_iobinding(binding)
        return p.out

    return call


def _model(p: Problem) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    parameters = {"w": p.weight, "b": p.bias, "m": p.running_mean, "v": p.running_var}
    node = helper.make_node("BatchNormalization", ["x", *parameters], ["y"], epsilon=EPS)
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, p.x.shape) for name in ("x", "y")
    )
    initializers = [numpy_helper.from_array(value, name) for name, value in parameters.items()]
    graph = helper.make_graph([node], "batch_norm", [x], [y], initializers)
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())
