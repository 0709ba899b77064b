// The call of a layer without a line of Python: the attributes it goes by lie in the object.
#include <pybind11/pybind11.h>
#include <structmember.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

#include "bindings/functions.hpp"
#include "bindings/inference_fold.hpp"
#include "bindings/register.hpp"

namespace bnfast {
namespace {

constexpr const char* kLayerCall = R"(LayerCall()
--

What `BatchNorm` inherits: a call that infers by the attributes of the layer, and leaves what needs
the batch's own statistics to its method `_batch`.
)";

constexpr const char* kCall = R"(__call__($self, x, *, training=None, residual=None, out=None)
--

Normalize `x`.

Parameters
----------
x : array, float16, bfloat16, float32 or float64
    Any shape whose channel axis has length `num_features`.
training : bool, optional
    Default: the attribute `training`.
residual : array, optional
    Of x's shape and dtype: added before the activation, as in ``relu(bn(x) + residual)``.
out : numpy.ndarray, optional
    Where to write the result: x's shape and dtype. May be `x` or `residual` itself.

Returns
-------
numpy.ndarray
    `out`, or a new array of x's shape and dtype.

Raises
------
TypeError
    An argument of the wrong type or dtype.
ValueError
    A wrong shape, a read-only or overlapping `out`, or one value per channel in training.

Notes
-----
The layer keeps references to `x` and `residual` for `backward` until the next call.
)";

constexpr const char* kInitSubclass = R"(__init_subclass__($cls, **keywords)
--

Let the layers of a class that inherits the call be called without looking it up.
)";

constexpr const char* kCheckedActivation = R"(checked_activation(activation)
--

The argument, None or the name of an activation, the latter as a str and no class of one.
)";

enum Attribute {
  training,
  running_mean,
  running_var,
  weight,
  bias,
  eps,
  channel_axis,
  activation,
  saved,
  kAttributes
};
constexpr std::array<const char*, kAttributes> kNames = {
    "training", "running_mean", "running_var", "weight", "bias",
    "eps",      "channel_axis", "_activation", "_saved"};

// As C sees it: PyMemberDef tells offsets.
struct Head {
  PyObject object;
  vectorcallfunc call;
  bool direct;  // no class has an attribute of its own in an attribute's place
  PyObject* attributes[kAttributes];  // null: not set
};

struct Layer : Head {
  InferenceFold fold;
};

Layer& layer_of(PyObject* self) { return *reinterpret_cast<Layer*>(self); }

// The type, what its `__call__` is, and the names of the attributes, for as long as the process.
PyObject *layer_call, *own_call;
std::array<PyObject*, kAttributes> names;

// Raises AttributeError where it is not set.
py::object attribute(PyObject* self, Attribute which) {
  const Layer& layer = layer_of(self);
  if (layer.direct && layer.attributes[which]) {
    return py::reinterpret_borrow<py::object>(layer.attributes[which]);
  }
  py::object found = py::reinterpret_steal<py::object>(PyObject_GetAttr(self, names[which]));
  if (!found) throw py::error_already_set();
  return found;
}

bool truth(const py::object& value) {
  const int is = PyObject_IsTrue(value.ptr());
  if (is < 0) throw py::error_already_set();
  return is != 0;
}

// A tuple of what `backward` needs to know: layer/normalizing.py's `Saved`.
void save(PyObject* self, const py::object& x, const py::object& residual, const py::object& out) {
  py::tuple made(4);
  PyTuple_SET_ITEM(made.ptr(), 0, x.inc_ref().ptr());
  PyTuple_SET_ITEM(made.ptr(), 1, residual.inc_ref().ptr());
  PyTuple_SET_ITEM(made.ptr(), 2, out.inc_ref().ptr());
  PyTuple_SET_ITEM(made.ptr(), 3, py::none().release().ptr());
  if (layer_of(self).direct) {
    Py_XSETREF(layer_of(self).attributes[saved], made.release().ptr());
  } else if (PyObject_SetAttr(self, names[saved], made.ptr()) < 0) {
    throw py::error_already_set();
  }
}

// self._batch(x, residual, out, training=trains)
py::object by_batch(PyObject* self, const py::object& x, const py::object& residual,
                    const py::object& out, const py::object& trains) {
  static PyObject* const name = PyUnicode_InternFromString("_batch");
  static PyObject* const keywords = PyTuple_Pack(1, PyUnicode_InternFromString("training"));
  const std::array<PyObject*, 5> arguments = {self, x.ptr(), residual.ptr(), out.ptr(),
                                              trains.ptr()};
  py::object y = py::reinterpret_steal<py::object>(
      PyObject_VectorcallMethod(name, arguments.data(), 4, keywords));
  if (!y) throw py::error_already_set();
  return y;
}

py::object call(PyObject* self, const py::object& x, const py::object& training_given,
                const py::object& residual, const py::object& out) {
  const py::object trains = training_given.is_none() ? attribute(self, training) : training_given;
  const py::object mean = attribute(self, running_mean);
  if (truth(trains) || mean.is_none()) return by_batch(self, x, residual, out, trains);
  const InferenceBy by{mean,
                       attribute(self, running_var),
                       attribute(self, weight),
                       attribute(self, bias),
                       attribute(self, eps),
                       attribute(self, channel_axis),
                       attribute(self, activation)};
  py::object y = layer_of(self).fold.call(x, by, residual, out);
  save(self, x, residual, out);
  return y;
}

PyObject* call_with(PyObject* self, const Signature::Values& values) {
  const auto bound = [self](const auto&... taken) { return call(self, taken...); };
  return functions::apply(bound, values, std::make_index_sequence<4>{});
}

// Whether reading the attributes of the class's layers gives what lies in the layer.
bool reads_directly(PyTypeObject* type) {
  const py::handle made(reinterpret_cast<PyObject*>(type)), base(layer_call);
  return std::all_of(names.begin(), names.end(), [&](PyObject* name) {
    return py::getattr(made, name).is(py::getattr(base, name));
  });
}

// The arguments are those of the layer's __init__.
PyObject* make(PyTypeObject* type, PyObject*, PyObject*) {
  return functions::translating_errors([&]() -> PyObject* {
    const bool direct = reads_directly(type);
    PyObject* self = type->tp_alloc(type, 0);
    if (!self) return nullptr;
    layer_of(self).call = functions::call_vector<call_with>;
    layer_of(self).direct = direct;
    new (&layer_of(self).fold) InferenceFold;
    return self;
  });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  for (PyObject* held : layer_of(self).attributes) Py_VISIT(held);
  return 0;
}

int clear(PyObject* self) {
  for (PyObject*& held : layer_of(self).attributes) Py_CLEAR(held);
  return 0;
}

void deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  layer_of(self).fold.~InferenceFold();
  type->tp_free(self);
  Py_DECREF(type);
}

// A class written in Python gets a slot that looks `__call__` up; this one has LayerCall's own if
// it inherits its call. From 3.12 on vectorcalls, too: before, Python would go on with them after
// `__call__` has been set anew.
void call_directly(PyTypeObject* type) {
  type->tp_call = functions::call_object<call_with>;
#if PY_VERSION_HEX >= 0x030C0000
  type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
#endif
  PyType_Modified(type);
}

PyObject* init_subclass(PyObject* made, PyObject* arguments, PyObject* keywords) {
  return functions::translating_errors([&] {
    const py::handle type(made);
    const py::object super = py::module_::import("builtins").attr("super");
    const py::object next = super(py::handle(layer_call), type);
    py::object result = py::reinterpret_steal<py::object>(
        PyObject_Call(next.attr("__init_subclass__").ptr(), arguments, keywords));
    if (!result) throw py::error_already_set();
    if (py::object(type.attr("__call__")).ptr() == own_call) {
      call_directly(reinterpret_cast<PyTypeObject*>(made));
    }
    return result.release().ptr();
  });
}

PyObject* folds(PyObject* self, void*) { return PyLong_FromLong(layer_of(self).fold.folds()); }

py::object layer_call_type(const py::module_& m) {
  static std::array<PyMemberDef, kAttributes + 2> members = [] {
    std::array<PyMemberDef, kAttributes + 2> all{};  // the last is empty
    Py_ssize_t place = offsetof(Head, attributes);
    auto member = all.begin();
    for (const char* name : kNames) {
      *member++ = {name, T_OBJECT_EX, place, 0, nullptr};
      place += static_cast<Py_ssize_t>(sizeof(PyObject*));
    }
    *member = {"__vectorcalloffset__", T_PYSSIZET, offsetof(Head, call), READONLY, nullptr};
    return all;
  }();
  static PyMethodDef methods[] = {
      {"__call__", functions::as_defined(functions::call_bound<call_with>),
       METH_FASTCALL | METH_KEYWORDS | METH_COEXIST, kCall},
      {"__init_subclass__",
       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(init_subclass)),
       METH_VARARGS | METH_KEYWORDS | METH_CLASS, kInitSubclass},
      {}};
  static PyGetSetDef computed[] = {
      {"_folds", folds, nullptr, "How often the parameters of inference were folded.", nullptr},
      {}};
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>(kLayerCall)},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_call, reinterpret_cast<void*>(functions::call_object<call_with>)},
      {Py_tp_members, members.data()},
      {Py_tp_methods, methods},
      {Py_tp_getset, computed},
      {0, nullptr}};
  static PyType_Spec spec = {
      "bnfast._core.LayerCall", sizeof(Layer), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
      slots};
  py::object type =
      py::reinterpret_steal<py::object>(PyType_FromModuleAndSpec(m.ptr(), &spec, nullptr));
  if (!type) throw py::error_already_set();
  return type;
}

py::object checked_activation(const py::object& name) {
  const NamedActivation checked(name);
  return name.is_none() ? name
                        : py::reinterpret_steal<py::object>(PyUnicode_FromObject(name.ptr()));
}

}  // namespace

void register_layer_call(py::module_& m) {
  functions::signature<call_with> = new Signature(kCall, "BatchNorm");
  py::object type = layer_call_type(m);
  std::transform(kNames.begin(), kNames.end(), names.begin(), PyUnicode_InternFromString);
  py::tuple slots(names.size());
  for (size_t i = 0; i < names.size(); ++i) slots[i] = py::handle(names[i]);
  type.attr("__slots__") = slots;
  m.attr("LayerCall") = type;
  own_call = py::object(type.attr("__call__")).release().ptr();
  layer_call = type.release().ptr();
  define<checked_activation>(m, kCheckedActivation);
}

}  // namespace bnfast
