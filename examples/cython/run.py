"""Run camera.pyx on made-up images, and compare with plain NumPy."""

import camera
import numpy as np

images = np.random.default_rng(0).integers(0, 256, (8, 120, 160, 3), np.uint8)
mean, std = np.zeros(3), np.zeros(3)
planes = np.empty((8, 3, 120, 160), np.float32)

camera.statistics(images, mean, std)
camera.planes(images, mean, std, planes)
print("mean", mean, "std", std)
print("first pixel", planes[0, :, 0, 0])

pixels = images.reshape(-1, 3).astype(np.float64)
np.testing.assert_allclose(mean, pixels.mean(0), rtol=1e-12)
np.testing.assert_allclose(std, pixels.std(0), rtol=1e-12)
expected = ((images - mean) / std).transpose(0, 3, 1, 2)
np.testing.assert_allclose(planes, expected, rtol=0, atol=1e-6)
print("as NumPy says")
