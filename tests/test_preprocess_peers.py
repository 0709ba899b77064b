"""Other libraries' arguments, by the table in docs/preprocess.md, against those libraries."""

import numpy as np
import pytest

from bnfast.preprocess import IMAGENET_MEAN, IMAGENET_STD, Normalizer, normalize

pytestmark = pytest.mark.once

IMG = np.random.default_rng(0).integers(0, 256, (57, 83, 3), np.uint8)
FLOAT_ERROR = 4e-6  # the others compute in float32, in two or three steps


def close(found, wanted, error=FLOAT_ERROR):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    largest = np.abs(wanted.astype(np.float64)).max()
    assert np.abs(found.astype(np.float64) - wanted).max() <= error * max(1.0, largest)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_torchvision(torch, dtype):
    # ToTensor: channels first, bytes divided by 255; Normalize: less mean, divided by std.
    img = IMG if dtype == "uint8" else (IMG / 255).astype(dtype)
    tensor = torch.from_numpy(img).permute(2, 0, 1)
    tensor = tensor.float().div(255) if dtype == "uint8" else tensor
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    close(normalize(img, IMAGENET_MEAN, IMAGENET_STD), tensor.sub(mean).div(std))


@pytest.mark.parametrize("max_pixel_value", [255.0, 1.0, 200.0])
def test_albumentations(max_pixel_value):
    albucore = pytest.importorskip("albucore", reason="albucore is not installed")
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    # What albumentations.Normalize(mean, std, max_pixel_value) hands to albucore.
    shift = (mean * max_pixel_value).astype(np.float32)
    factor = np.reciprocal(std * max_pixel_value).astype(np.float32)
    wanted = albucore.normalize(IMG, shift, factor)
    close(normalize(IMG, mean, std, scale=1 / max_pixel_value, out_layout="HWC"), wanted)


@pytest.mark.parametrize("swap_rb", [False, True])
@pytest.mark.parametrize("scalefactor", [1.0, 1 / 255, 0.007843])
def test_opencv(scalefactor, swap_rb):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    mean = (104.0, 117.5, 123.25)
    blob = cv2.dnn.blobFromImage(IMG, scalefactor, None, mean, swapRB=swap_rb)
    found = normalize(IMG[None], mean, (1 / scalefactor,) * 3, scale=1.0, swap_rb=swap_rb)
    close(found, blob)
    blobs = cv2.dnn.blobFromImages([IMG, IMG[::-1]], scalefactor, None, mean, swapRB=swap_rb)
    normalizer = Normalizer(mean, (1 / scalefactor,) * 3, scale=1.0, swap_rb=swap_rb)
    close(normalizer.to_batch([IMG, IMG[::-1]]), blobs)


@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (2.5, 0.0), (0.5, 3.0)])
def test_dali(scale, shift):
    # crop_mirror_normalize by its documentation: (in - mean)/std*scale + shift.
    mean, std = np.array([120.0, 115, 100]), np.array([58.0, 57, 56])
    wanted = ((IMG.astype(np.float64) - mean) / std * scale + shift).transpose(2, 0, 1)
    close(normalize(IMG, mean - shift * std / scale, std / scale, scale=1.0), wanted)


def test_keras():
    # keras.applications: preprocess_input in its modes "tf" and "caffe", by their source's formula.
    ones = np.ones(3)
    found = normalize(IMG, ones, ones, scale=1 / 127.5, out_layout="HWC")
    close(found, IMG.astype(np.float64) / 127.5 - 1)
    mean = np.array([103.939, 116.779, 123.68])
    found = normalize(IMG, mean, ones, scale=1.0, out_layout="HWC", swap_rb=True)
    close(found, IMG[..., ::-1].astype(np.float64) - mean)


def test_transformers():
    # Rescaled by rescale_factor, then less image_mean, divided by image_std.
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    wanted = ((IMG * (1 / 255)) - mean) / std
    close(normalize(IMG, mean, std, scale=1 / 255), wanted.transpose(2, 0, 1))
