# bnfast.h for Cython: types and functions as there, where each one's contract stands, and below
# them the same by typed memoryviews. Sizes and strides are Py_ssize_t, which a memoryview's are.
from libc.stdint cimport int8_t, int16_t, uint8_t, uint16_t

ctypedef enum bnf_status:
    BNF_OK = 0
    BNF_INVALID_ARGUMENT
    BNF_UNSUPPORTED
    BNF_OUT_OF_MEMORY

ctypedef enum bnf_dtype:
    BNF_FLOAT32 = 0
    BNF_FLOAT64
    BNF_FLOAT16
    BNF_BFLOAT16
    BNF_UINT8
    BNF_INT8
    BNF_UINT16
    BNF_INT16

ctypedef struct bnf_shape:
    int rank
    int channel_axis
    const Py_ssize_t* size

ctypedef struct bnf_input:
    const void* data
    bnf_dtype dtype
    const Py_ssize_t* strides

ctypedef struct bnf_output:
    void* data
    bnf_dtype dtype
    const Py_ssize_t* strides

ctypedef enum bnf_activation:
    BNF_NO_ACTIVATION = 0
    BNF_RELU
    BNF_RELU6
    BNF_LEAKY_RELU
    BNF_HARDSWISH
    BNF_SILU

ctypedef struct bnf_epilogue:
    bnf_activation activation
    double negative_slope
    const bnf_input* residual

cdef const char* bnf_status_text(bnf_status status) noexcept nogil
cdef int bnf_version() noexcept nogil
cdef const char* bnf_version_text() noexcept nogil

cdef bnf_status bnf_moments(
    const bnf_shape* shape, const bnf_input* x, double* mean, double* var, int num_threads
) noexcept nogil
cdef bnf_status bnf_merge(
    Py_ssize_t channels, double count_a, const double* mean_a, const double* m2_a, double count_b,
    const double* mean_b, const double* m2_b, double* count, double* mean, double* m2
) noexcept nogil
cdef bnf_status bnf_update_running(
    Py_ssize_t channels, Py_ssize_t count, const double* mean, const double* var, double momentum,
    Py_ssize_t correction, double* running_mean, double* running_var
) noexcept nogil
cdef bnf_status bnf_affine(
    const bnf_shape* shape, const bnf_input* x, const double* scale, const double* shift,
    const bnf_epilogue* epilogue, const bnf_output* y, int num_threads
) noexcept nogil
cdef bnf_status bnf_normalize(
    const bnf_shape* shape, const bnf_input* x, const double* mean, const double* std,
    const bnf_output* y, int num_threads
) noexcept nogil
cdef bnf_status bnf_inference(
    const bnf_shape* shape, const bnf_input* x, const double* running_mean,
    const double* running_var, const double* weight, const double* bias, double eps,
    const bnf_epilogue* epilogue, const bnf_output* y, int num_threads
) noexcept nogil
cdef bnf_status bnf_forward(
    const bnf_shape* shape, const bnf_input* x, const double* weight, const double* bias,
    double eps, const bnf_epilogue* epilogue, const bnf_output* y, double* mean, double* var,
    double* invstd, int num_threads
) noexcept nogil
cdef bnf_status bnf_backward(
    const bnf_shape* shape, const bnf_input* dy, const bnf_input* x, const double* mean,
    const double* invstd, const double* weight, const double* bias, const bnf_epilogue* epilogue,
    int training, const bnf_output* dx, const bnf_output* dresidual, double* dweight,
    double* dbias, int num_threads
) noexcept nogil

cdef bnf_status bnf_set_num_threads(int num_threads) noexcept nogil
cdef int bnf_get_num_threads() noexcept nogil
cdef const char* bnf_isa() noexcept nogil
cdef bnf_status bnf_use_isa(const char* name) noexcept nogil

# By typed memoryviews of three axes and any strides: a table is x[:, :, None], a batch of planes
# (N, C, H*W), one image (H, W, C). Arrays of one call have one shape, and those of C values a value
# for each channel; what does not fit is BNF_INVALID_ARGUMENT. None is bnfast.h's NULL.
ctypedef fused bnf_real:
    float
    double

ctypedef fused bnf_number:
    float
    double
    uint8_t
    int8_t
    uint16_t
    int16_t

cdef bnf_status moments(
    const bnf_number[:, :, :] x, double[::1] mean, double[::1] var, int channel_axis,
    int num_threads
) noexcept nogil
cdef bnf_status normalize(
    const bnf_number[:, :, :] x, const double[::1] mean, const double[::1] std,
    bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil
cdef bnf_status affine(
    const bnf_number[:, :, :] x, const double[::1] scale, const double[::1] shift,
    bnf_activation activation, bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil
cdef bnf_status inference(
    const bnf_real[:, :, :] x, const double[::1] running_mean, const double[::1] running_var,
    const double[::1] weight, const double[::1] bias, double eps, bnf_activation activation,
    bnf_real[:, :, :] y, int channel_axis, int num_threads
) noexcept nogil
cdef bnf_status forward(
    const bnf_real[:, :, :] x, const double[::1] weight, const double[::1] bias, double eps,
    bnf_activation activation, bnf_real[:, :, :] y, double[::1] mean, double[::1] var,
    double[::1] invstd, int channel_axis, int num_threads
) noexcept nogil
cdef bnf_status backward(
    const bnf_real[:, :, :] dy, const bnf_real[:, :, :] x, const double[::1] mean,
    const double[::1] invstd, const double[::1] weight, const double[::1] bias,
    bnf_activation activation, bnf_real[:, :, :] dx, double[::1] dweight, double[::1] dbias,
    int channel_axis, int num_threads
) noexcept nogil
