# cython: boundscheck=False, wraparound=False
"""The functions of bnfast.cython_bnfast for Python, each called without the GIL."""
from bnfast.cython_bnfast cimport *


cdef class Shape:
    cdef Py_ssize_t[64] size
    cdef bnf_shape c

    def __init__(self, size, int channel_axis):
        for axis, length in enumerate(size):
            self.size[axis] = length
        self.c = bnf_shape(len(size), channel_axis, &self.size[0])


cdef class Array:
    """A NumPy array, whose dtype is told by its number in bnfast.h."""

    cdef object owner
    cdef Py_ssize_t[64] strides
    cdef bnf_input input
    cdef bnf_output output

    def __init__(self, owner, bnf_dtype dtype):
        self.owner = owner
        for axis, stride in enumerate(owner.strides):
            self.strides[axis] = stride
        cdef void* data = <void*> <size_t> owner.ctypes.data
        self.input = bnf_input(data, dtype, &self.strides[0])
        self.output = bnf_output(data, dtype, &self.strides[0])


cdef class Epilogue:
    cdef Array residual
    cdef bnf_epilogue c

    def __init__(self, bnf_activation activation, double negative_slope, Array residual):
        self.residual = residual
        self.c = bnf_epilogue(activation, negative_slope, input_of(residual))


cdef const bnf_input* input_of(Array array):
    return NULL if array is None else &array.input


cdef const bnf_output* output_of(Array array):
    return NULL if array is None else &array.output


cdef const bnf_epilogue* epilogue_of(Epilogue epilogue):
    return NULL if epilogue is None else &epilogue.c


cdef double* at(double[::1] values) noexcept nogil:
    return NULL if values is None else &values[0]


def plain_moments(Shape shape, Array x, double[::1] mean, double[::1] var, int threads=0):
    cdef bnf_status status
    with nogil:
        status = bnf_moments(&shape.c, &x.input, &mean[0], &var[0], threads)
    return status


def plain_merge(
    double count_a, double[::1] mean_a, double[::1] m2_a,
    double count_b, double[::1] mean_b, double[::1] m2_b, double[::1] mean, double[::1] m2,
):
    cdef double count = -1
    cdef bnf_status status
    with nogil:
        status = bnf_merge(
            mean.shape[0], count_a, &mean_a[0], &m2_a[0], count_b, &mean_b[0], &m2_b[0],
            &count, &mean[0], &m2[0],
        )
    return status, count


def plain_update_running(
    Py_ssize_t count, double[::1] mean, double[::1] var, double momentum, Py_ssize_t correction,
    double[::1] running_mean, double[::1] running_var,
):
    cdef bnf_status status
    with nogil:
        status = bnf_update_running(
            mean.shape[0], count, &mean[0], &var[0], momentum, correction,
            &running_mean[0], &running_var[0],
        )
    return status


def plain_affine(
    Shape shape, Array x, double[::1] scale, double[::1] shift, Epilogue epilogue, Array y,
    int threads=0,
):
    cdef const bnf_epilogue* after = epilogue_of(epilogue)
    cdef bnf_status status
    with nogil:
        status = bnf_affine(&shape.c, &x.input, &scale[0], &shift[0], after, &y.output, threads)
    return status


def plain_normalize(
    Shape shape, Array x, double[::1] mean, double[::1] std, Array y, int threads=0
):
    cdef bnf_status status
    with nogil:
        status = bnf_normalize(&shape.c, &x.input, &mean[0], &std[0], &y.output, threads)
    return status


def plain_inference(
    Shape shape, Array x, double[::1] mean, double[::1] var, double[::1] weight,
    double[::1] bias, double eps, Epilogue epilogue, Array y, int threads=0,
):
    cdef const bnf_epilogue* after = epilogue_of(epilogue)
    cdef bnf_status status
    with nogil:
        status = bnf_inference(
            &shape.c, &x.input, &mean[0], &var[0], at(weight), at(bias), eps, after, &y.output,
            threads,
        )
    return status


def plain_forward(
    Shape shape, Array x, double[::1] weight, double[::1] bias, double eps, Epilogue epilogue,
    Array y, double[::1] mean, double[::1] var, double[::1] invstd, int threads=0,
):
    cdef const bnf_epilogue* after = epilogue_of(epilogue)
    cdef bnf_status status
    with nogil:
        status = bnf_forward(
            &shape.c, &x.input, at(weight), at(bias), eps, after, &y.output, at(mean), at(var),
            at(invstd), threads,
        )
    return status


def plain_backward(
    Shape shape, Array dy, Array x, double[::1] mean, double[::1] invstd, double[::1] weight,
    double[::1] bias, Epilogue epilogue, bint training, Array dx, Array dresidual,
    double[::1] dweight, double[::1] dbias, int threads=0,
):
    cdef const bnf_epilogue* after = epilogue_of(epilogue)
    cdef const bnf_output* to = output_of(dx)
    cdef const bnf_output* to_residual = output_of(dresidual)
    cdef bnf_status status
    with nogil:
        status = bnf_backward(
            &shape.c, &dy.input, &x.input, &mean[0], &invstd[0], at(weight), at(bias), after,
            training, to, to_residual, at(dweight), at(dbias), threads,
        )
    return status


def status_text(bnf_status status):
    return bnf_status_text(status).decode()


def version():
    return bnf_version(), bnf_version_text().decode()


def set_num_threads(int n):
    return bnf_set_num_threads(n)


def get_num_threads():
    return bnf_get_num_threads()


def isa():
    return bnf_isa().decode()


def use_isa(name):
    return bnf_use_isa(name.encode())


def view_moments(
    const bnf_number[:, :, :] x, double[::1] mean, double[::1] var, int axis=1, int threads=0
):
    cdef bnf_status status
    with nogil:
        status = moments(x, mean, var, axis, threads)
    return status


def view_normalize(
    const bnf_number[:, :, :] x, double[::1] mean, double[::1] std, bnf_real[:, :, :] y,
    int axis=1, int threads=0,
):
    cdef bnf_status status
    with nogil:
        status = normalize(x, mean, std, y, axis, threads)
    return status


def view_affine(
    const bnf_number[:, :, :] x, double[::1] scale, double[::1] shift, bnf_activation activation,
    bnf_real[:, :, :] y, int axis=1, int threads=0,
):
    cdef bnf_status status
    with nogil:
        status = affine(x, scale, shift, activation, y, axis, threads)
    return status


def view_inference(
    const bnf_real[:, :, :] x, double[::1] mean, double[::1] var, double[::1] weight,
    double[::1] bias, double eps, bnf_activation activation, bnf_real[:, :, :] y, int axis=1,
    int threads=0,
):
    cdef bnf_status status
    with nogil:
        status = inference(x, mean, var, weight, bias, eps, activation, y, axis, threads)
    return status


def view_forward(
    const bnf_real[:, :, :] x, double[::1] weight, double[::1] bias, double eps,
    bnf_activation activation, bnf_real[:, :, :] y, double[::1] mean, double[::1] var,
    double[::1] invstd, int axis=1, int threads=0,
):
    cdef bnf_status status
    with nogil:
        status = forward(
            x, weight, bias, eps, activation, y, mean, var, invstd, axis, threads
        )
    return status


def view_backward(
    const bnf_real[:, :, :] dy, const bnf_real[:, :, :] x, double[::1] mean, double[::1] invstd,
    double[::1] weight, double[::1] bias, bnf_activation activation, bnf_real[:, :, :] dx,
    double[::1] dweight, double[::1] dbias, int axis=1, int threads=0,
):
    cdef bnf_status status
    with nogil:
        status = backward(
            dy, x, mean, invstd, weight, bias, activation, dx, dweight, dbias, axis, threads
        )
    return status
