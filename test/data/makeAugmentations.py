"""
Writes augmentations.json: a small image after each of torchvision's colour changes, and quantiles of its random crops.

    python makeAugmentations.py    # torch 2.13, torchvision 0.28, Pillow 12.3
"""
import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import ColorJitter, RandomResizedCrop
from torchvision.transforms import functional as F

WIDTH, HEIGHT = 12, 10
FACTORS = {
    "brightness": [0.0, 0.37, 1.0, 1.83],
    "contrast": [0.0, 0.41, 1.0, 1.7],
    "saturation": [0.0, 0.55, 1.0, 2.1],
    "hue": [-0.5, -0.13, 0.0, 0.29],
}
DRAWS = 20000
QUANTILES = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98]


def draw_image():
    """Smooth colours, and at the end black, white, greys and pure colours."""
    bytes_ = np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    bytes_[-1, :8] = [[0, 0, 0], [255, 255, 255], [7, 7, 7], [200, 200, 200], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]
    return Image.fromarray(bytes_)


def crops(width, height, scale, ratio):
    image = Image.new("RGB", (width, height))
    torch.manual_seed(0)
    boxes = np.array([RandomResizedCrop.get_params(image, scale, ratio) for _ in range(DRAWS)], dtype=float)
    top, left, h, w = boxes.T
    spread = lambda values: np.quantile(values, QUANTILES).round(4).tolist()
    return {
        "width": width,
        "height": height,
        "scale": scale,
        "ratio": ratio,
        "area": spread(h * w / (width * height)),
        "logRatio": spread(np.log(w / h)),
        "left": spread(left / width),
        "top": spread(top / height),
    }


def fallback(width, height):
    top, left, h, w = RandomResizedCrop.get_params(Image.new("RGB", (width, height)), [0.9, 1.0], [3 / 4, 4 / 3])
    return {"width": width, "height": height, "box": {"left": left, "top": top, "width": w, "height": h}}


image = draw_image()
result = {
    "width": WIDTH,
    "height": HEIGHT,
    "image": np.asarray(image).ravel().tolist(),
    "changes": [
        {"name": name, "factor": factor, "bytes": np.asarray(getattr(F, f"adjust_{name}")(image, factor)).ravel().tolist()}
        for name, factors in FACTORS.items()
        for factor in factors
    ],
    "ranges": {
        name: list(getattr(ColorJitter(**{name: amount}), name))
        for name, amount in {"brightness": 0.4, "contrast": 1.5, "saturation": 0.2, "hue": 0.1}.items()
    },
    "quantiles": QUANTILES,
    "crops": [crops(400, 300, [0.08, 1.0], [3 / 4, 4 / 3]), crops(256, 341, [0.5, 0.9], [0.5, 2.0])],
    "fallbacks": [fallback(1000, 10), fallback(10, 1000), fallback(3, 1000)],
}
assert math.isclose(sum(result["ranges"]["hue"]), 0, abs_tol=1e-9)
Path(__file__).with_name("augmentations.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
