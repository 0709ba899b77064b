# cython: boundscheck=False, wraparound=False
"""A camera's images become a network's input, by their own statistics and without the GIL."""
from libc.math cimport sqrt

from bnfast.cython_bnfast cimport (
    BNF_FLOAT32, BNF_OK, BNF_UINT8, bnf_input, bnf_merge, bnf_normalize, bnf_output, bnf_shape,
    bnf_status, bnf_status_text, moments,
)


cdef void check(bnf_status status) except *:
    if status != BNF_OK:
        raise ValueError(bnf_status_text(status).decode())


def statistics(const unsigned char[:, :, :, :] images, double[::1] mean, double[::1] std):
    """Mean and standard deviation of each channel of images (N, H, W, C), taken one by one."""
    cdef Py_ssize_t i, c, channels = mean.shape[0]
    cdef double count = 0, pixels = images.shape[1] * images.shape[2]
    cdef double[::1] m2 = mean.copy(), image_mean = mean.copy(), image_m2 = mean.copy()
    cdef bnf_status status = BNF_OK
    with nogil:
        for i in range(images.shape[0]):
            # By typed memoryviews: the last axis is the channels', and the default of threads.
            status = moments(images[i], image_mean, image_m2, -1, 0)
            if status != BNF_OK:
                break
            for c in range(channels):
                image_m2[c] *= pixels  # from the variance
            status = bnf_merge(
                channels, count, &mean[0], &m2[0], pixels, &image_mean[0], &image_m2[0],
                &count, &mean[0], &m2[0],
            )
        for c in range(channels):
            std[c] = sqrt(m2[c] / count)
    check(status)


def planes(
    const unsigned char[:, :, :, :] images, const double[::1] mean, const double[::1] std,
    float[:, :, :, :] y,
):
    """Normalize images (N, H, W, C) into planes (N, C, H, W), all in one pass."""
    cdef Py_ssize_t channels = images.shape[3]
    if (y.shape[0], y.shape[1], y.shape[2], y.shape[3]) != (
        images.shape[0], channels, images.shape[1], images.shape[2]
    ):
        raise ValueError("y must be of shape (N, C, H, W)")
    if mean.shape[0] != channels or std.shape[0] != channels:
        raise ValueError("mean and std must have C values")
    # By plain pointers: both have the images' order of axes, each with strides of its own.
    cdef Py_ssize_t[4] strides = [y.strides[0], y.strides[2], y.strides[3], y.strides[1]]
    cdef bnf_shape shape = bnf_shape(rank=4, channel_axis=3, size=&images.shape[0])
    cdef bnf_input from_ = bnf_input(&images[0, 0, 0, 0], BNF_UINT8, &images.strides[0])
    cdef bnf_output to = bnf_output(&y[0, 0, 0, 0], BNF_FLOAT32, &strides[0])
    cdef bnf_status status
    with nogil:
        status = bnf_normalize(&shape, &from_, &mean[0], &std[0], &to, 0)
    check(status)
