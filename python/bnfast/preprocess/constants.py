"""Mean and standard deviation of each channel (R, G, B), of numbers from 0 to 1."""

#: Of the ImageNet training images; what torchvision's classification models expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

#: Maps the full range to [-1, 1]; what Inception and many vision transformers expect.
INCEPTION_MEAN = (0.5, 0.5, 0.5)
INCEPTION_STD = (0.5, 0.5, 0.5)

#: Of the images that CLIP was trained on.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
