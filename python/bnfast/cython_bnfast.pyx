# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Batch normalization for Cython, without the GIL: ``bnfast.h`` by ``cimport``.

``cython_bnfast.pxd`` declares what there is: the types and functions of ``bnfast.h``, whose comments
are their contracts (`bnfast.get_include` finds it), and the same on typed memoryviews of three axes:
``moments``, ``normalize``, ``affine``, ``inference``, ``forward`` and ``backward``. All are
``noexcept nogil`` and may be called from any thread. Those that can fail return a ``bnf_status``,
``BNF_OK`` or the reason, before which nothing has been written.

The functions are those of this process's bnfast: `bnfast.set_num_threads` and `bnfast.use_isa` hold
for them too, and an extension that cimports them is linked with nothing. It must be compiled anew
when bnfast's minor version changes.

Examples
--------
``columns.pyx`` standardizes the columns of a table in place::

    from bnfast.cython_bnfast cimport *

    def standardize(float[:, :] table, double[::1] mean, double[::1] std):
        cdef Py_ssize_t c
        cdef bnf_status status
        with nogil:
            status = moments(table[:, :, None], mean, std, 1, 0)
            for c in range(std.shape[0]):
                std[c] = std[c] ** 0.5
            if status == BNF_OK:
                status = normalize(table[:, :, None], mean, std, table[:, :, None], 1, 0)
        if status != BNF_OK:
            raise ValueError(bnf_status_text(status).decode())

``setup.py``, for ``python setup.py build_ext --inplace``::

    from Cython.Build import cythonize
    from setuptools import setup

    setup(name="columns", ext_modules=cythonize("columns.pyx", language_level=3))
"""
from cpython.pycapsule cimport PyCapsule_GetPointer

from bnfast import _core


# bnfast's functions as _core has them: src_cpp/bindings/c_table.cpp, in its order.
cdef struct Table:
    int version
    const char* (*status_text)(bnf_status) noexcept nogil
    int (*library_version)() noexcept nogil
    const char* (*version_text)() noexcept nogil
    bnf_status (*moments)(
        const bnf_shape*, const bnf_input*, double*, double*, int
    ) noexcept nogil
    bnf_status (*merge)(
        Py_ssize_t, double, const double*, const double*, double, const double*, const double*,
        double*, double*, double*
    ) noexcept nogil
    bnf_status (*update_running)(
        Py_ssize_t, Py_ssize_t, const double*, const double*, double, Py_ssize_t, double*, double*
    ) noexcept nogil
    bnf_status (*affine)(
        const bnf_shape*, const bnf_input*, const double*, const double*, const bnf_epilogue*,
        const bnf_output*, int
    ) noexcept nogil
    bnf_status (*normalize)(
        const bnf_shape*, const bnf_input*, const double*, const double*, const bnf_output*, int
    ) noexcept nogil
    bnf_status (*inference)(
        const bnf_shape*, const bnf_input*, const double*, const double*, const double*,
        const double*, double, const bnf_epilogue*, const bnf_output*, int
    ) noexcept nogil
    bnf_status (*forward)(
        const bnf_shape*, const bnf_input*, const double*, const double*, double,
        const bnf_epilogue*, const bnf_output*, double*, double*, double*, int
    ) noexcept nogil
    bnf_status (*backward)(
        const bnf_shape*, const bnf_input*, const bnf_input*, const double*, const double*,
        const double*, const double*, const bnf_epilogue*, int, const bnf_output*,
        const bnf_output*, double*, double*, int
    ) noexcept nogil
    bnf_status (*set_num_threads)(int) noexcept nogil
    int (*get_num_threads)() noexcept nogil
    const char* (*isa)() noexcept nogil
    bnf_status (*use_isa)(const char*) noexcept nogil


cdef const Table* core = <const Table*> PyCapsule_GetPointer(_core._c_api, "bnfast._core._c_api")
if core.version != 1:
    raise ImportError(
        f"bnfast.cython_bnfast calls bnfast._core by table 1, which has table {core.version}: "
        "they are of different versions of bnfast, so install it again and restart Python"
    )


cdef const char* bnf_status_text(bnf_status status) noexcept nogil:
    return core.status_text(status)


cdef int bnf_version() noexcept nogil:
    return core.library_version()


cdef const char* bnf_version_text() noexcept nogil:
    return core.version_text()


cdef bnf_status bnf_moments(
    const bnf_shape* shape, const bnf_input* x, double* mean, double* var, int num_threads
) noexcept nogil:
    return core.moments(shape, x, mean, var, num_threads)


cdef bnf_status bnf_merge(
    Py_ssize_t channels, double count_a, const double* mean_a, const double* m2_a, double count_b,
    const double* mean_b, const double* m2_b, double* count, double* mean, double* m2
) noexcept nogil:
    return core.merge(channels, count_a, mean_a, m2_a, count_b, mean_b, m2_b, count, mean, m2)


cdef bnf_status bnf_update_running(
    Py_ssize_t channels, Py_ssize_t count, const double* mean, const double* var, double momentum,
    Py_ssize_t correction, double* running_mean, double* running_var
) noexcept nogil:
    return core.update_running(
        channels, count, mean, var, momentum, correction, running_mean, running_var
    )


cdef bnf_status bnf_affine(
    const bnf_shape* shape, const bnf_input* x, const double* scale, const double* shift,
    const bnf_epilogue* epilogue, const bnf_output* y, int num_threads
) noexcept nogil:
    return core.affine(shape, x, scale, shift, epilogue, y, num_threads)


cdef bnf_status bnf_normalize(
    const bnf_shape* shape, const bnf_input* x, const double* mean, const double* std,
    const bnf_output* y, int num_threads
) noexcept nogil:
    return core.normalize(shape, x, mean, std, y, num_threads)


cdef bnf_status bnf_inference(
    const bnf_shape* shape, const bnf_input* x, const double* running_mean,
    const double* running_var, const double* weight, const double* bias, double eps,
    const bnf_epilogue* epilogue, const bnf_output* y, int num_threads
) noexcept nogil:
    return core.inference(
        shape, x, running_mean, running_var, weight, bias, eps, epilogue, y, num_threads
    )


cdef bnf_status bnf_forward(
    const bnf_shape* shape, const bnf_input* x, const double* weight, const double* bias,
    double eps, const bnf_epilogue* epilogue, const bnf_output* y, double* mean, double* var,
    double* invstd, int num_threads
) noexcept nogil:
    return core.forward(
        shape, x, weight, bias, eps, epilogue, y, mean, var, invstd, num_threads
    )


cdef bnf_status bnf_backward(
    const bnf_shape* shape, const bnf_input* dy, const bnf_input* x, const double* mean,
    const double* invstd, const double* weight, const double* bias, const bnf_epilogue* epilogue,
    int training, const bnf_output* dx, const bnf_output* dresidual, double* dweight,
    double* dbias, int num_threads
) noexcept nogil:
    return core.backward(
        shape, dy, x, mean, invstd, weight, bias, epilogue, training, dx, dresidual, dweight,
        dbias, num_threads
    )


cdef bnf_status bnf_set_num_threads(int num_threads) noexcept nogil:
    return core.set_num_threads(num_threads)


cdef int bnf_get_num_threads() noexcept nogil:
    return core.get_num_threads()


cdef const char* bnf_isa() noexcept nogil:
    return core.isa()


cdef bnf_status bnf_use_isa(const char* name) noexcept nogil:
    return core.use_isa(name)


# By typed memoryviews. bnfast.h checks what it is given; what it cannot see is checked here: that
# the views of a call have one shape, and those of C values their length.

cdef inline bnf_dtype dtype_of(const bnf_number* data) noexcept nogil:
    if bnf_number is float:
        return BNF_FLOAT32
    elif bnf_number is double:
        return BNF_FLOAT64
    elif bnf_number is uint8_t:
        return BNF_UINT8
    elif bnf_number is int8_t:
        return BNF_INT8
    elif bnf_number is uint16_t:
        return BNF_UINT16
    else:
        return BNF_INT16


cdef inline bnf_input input_at(const bnf_number* data, const Py_ssize_t* strides) noexcept nogil:
    return bnf_input(data=data, dtype=dtype_of(data), strides=strides)


cdef inline bnf_output output_at(bnf_real* data, const Py_ssize_t* strides) noexcept nogil:
    return bnf_output(data=data, dtype=dtype_of(data), strides=strides)


cdef inline bnf_shape shape_at(const Py_ssize_t* size, int channel_axis) noexcept nogil:
    return bnf_shape(rank=3, channel_axis=channel_axis, size=size)


cdef inline bint alike(const Py_ssize_t* a, const Py_ssize_t* b) noexcept nogil:
    return a[0] == b[0] and a[1] == b[1] and a[2] == b[2]


# A length for each channel; -1 for no such axis, which bnfast.h refuses.
cdef inline Py_ssize_t channels_of(const bnf_shape* shape) noexcept nogil:
    cdef int axis = shape.channel_axis + (3 if shape.channel_axis < 0 else 0)
    return shape.size[axis] if 0 <= axis < 3 else -1


cdef inline bint fits(const bnf_shape* shape, const double[::1] values) noexcept nogil:
    return values is None or values.shape[0] == channels_of(shape)


cdef inline double* at(const double[::1] values) noexcept nogil:
    return NULL if values is None else <double*> &values[0]


cdef bnf_status moments(
    const bnf_number[:, :, :] x, double[::1] mean, double[::1] var, int channel_axis,
    int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    if not (fits(&shape, mean) and fits(&shape, var)):
        return BNF_INVALID_ARGUMENT
    return bnf_moments(&shape, &x_, at(mean), at(var), num_threads)


cdef bnf_status normalize(
    const bnf_number[:, :, :] x, const double[::1] mean, const double[::1] std,
    bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    cdef bnf_output y_ = output_at(&y[0, 0, 0], y.strides)
    if not (alike(x.shape, y.shape) and fits(&shape, mean) and fits(&shape, std)):
        return BNF_INVALID_ARGUMENT
    return bnf_normalize(&shape, &x_, at(mean), at(std), &y_, num_threads)


cdef bnf_status affine(
    const bnf_number[:, :, :] x, const double[::1] scale, const double[::1] shift,
    bnf_activation activation, bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    cdef bnf_output y_ = output_at(&y[0, 0, 0], y.strides)
    cdef bnf_epilogue epilogue = bnf_epilogue(activation, 0.01, NULL)
    if not (alike(x.shape, y.shape) and fits(&shape, scale) and fits(&shape, shift)):
        return BNF_INVALID_ARGUMENT
    return bnf_affine(&shape, &x_, at(scale), at(shift), &epilogue, &y_, num_threads)


cdef bnf_status inference(
    const bnf_real[:, :, :] x, const double[::1] running_mean, const double[::1] running_var,
    const double[::1] weight, const double[::1] bias, double eps, bnf_activation activation,
    bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    cdef bnf_output y_ = output_at(&y[0, 0, 0], y.strides)
    cdef bnf_epilogue epilogue = bnf_epilogue(activation, 0.01, NULL)
    if not (
        alike(x.shape, y.shape)
        and fits(&shape, running_mean) and fits(&shape, running_var)
        and fits(&shape, weight) and fits(&shape, bias)
    ):
        return BNF_INVALID_ARGUMENT
    return bnf_inference(
        &shape, &x_, at(running_mean), at(running_var), at(weight), at(bias), eps, &epilogue, &y_,
        num_threads
    )


cdef bnf_status forward(
    const bnf_real[:, :, :] x, const double[::1] weight, const double[::1] bias, double eps,
    bnf_activation activation, bnf_real[:, :, :] y, double[::1] mean, double[::1] var,
    double[::1] invstd, int channel_axis, int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    cdef bnf_output y_ = output_at(&y[0, 0, 0], y.strides)
    cdef bnf_epilogue epilogue = bnf_epilogue(activation, 0.01, NULL)
    if not (
        alike(x.shape, y.shape)
        and fits(&shape, weight) and fits(&shape, bias)
        and fits(&shape, mean) and fits(&shape, var) and fits(&shape, invstd)
    ):
        return BNF_INVALID_ARGUMENT
    return bnf_forward(
        &shape, &x_, at(weight), at(bias), eps, &epilogue, &y_, at(mean), at(var), at(invstd),
        num_threads
    )


cdef bnf_status backward(
    const bnf_real[:, :, :] dy, const bnf_real[:, :, :] x, const double[::1] mean,
    const double[::1] invstd, const double[::1] weight, const double[::1] bias,
    bnf_activation activation, bnf_real[:, :, :] dx, double[::1] dweight, double[::1] dbias,
    int channel_axis, int num_threads
) noexcept nogil:
    cdef bnf_shape shape = shape_at(x.shape, channel_axis)
    cdef bnf_input dy_ = input_at(&dy[0, 0, 0], dy.strides)
    cdef bnf_input x_ = input_at(&x[0, 0, 0], x.strides)
    cdef bnf_output dx_ = output_at(&dx[0, 0, 0], dx.strides)
    cdef bnf_epilogue epilogue = bnf_epilogue(activation, 0.01, NULL)
    if not (
        alike(x.shape, dy.shape) and (dx is None or alike(x.shape, dx.shape))
        and fits(&shape, mean) and fits(&shape, invstd)
        and fits(&shape, weight) and fits(&shape, bias)
        and fits(&shape, dweight) and fits(&shape, dbias)
    ):
        return BNF_INVALID_ARGUMENT
    return bnf_backward(
        &shape, &dy_, &x_, at(mean), at(invstd), at(weight), at(bias), &epilogue, True,
        NULL if dx is None else &dx_, NULL, at(dweight), at(dbias), num_threads
    )
