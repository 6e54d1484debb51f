"""The process of images.ts in Python: python imagesChild.py FOLDER."""
import glob
import json
import sys
import time

import numpy as np
from PIL import Image

paths = glob.glob(sys.argv[1] + "/*.jpg")
mean = np.array([0.485, 0.456, 0.406], "f4")
std = np.array([0.229, 0.224, 0.225], "f4")


def decode(path):
    return Image.open(path).convert("RGB")


def prepare(path):
    image = decode(path)
    width, height = image.size
    scale = 256 / min(width, height)
    image = image.resize((int(width * scale), int(height * scale)), Image.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    return (np.asarray(image.crop((left, top, left + 224, top + 224)), "f4") / 255 - mean) / std


def rate(use):
    start = time.process_time()
    for _ in range(3):
        for path in paths:
            use(path)
    return 3 * len(paths) / (time.process_time() - start)


rate(prepare)
print(json.dumps({"decode": rate(decode), "prepare": rate(prepare)}))
