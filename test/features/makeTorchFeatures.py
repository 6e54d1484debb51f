"""Writes torchFeatures.json: Grad-CAM and saliency maps that PyTorch computes of the reference networks.

    python makeTorchFeatures.py REFERENCE_TORCH_FOLDER > torchFeatures.json

Maps are float32 in base64. Saliency maps are stored at every 16th (224) or 8th (96) row and column, with the sum and the
greatest value of the whole.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

FOLDER = Path(sys.argv[1])
WIDTHS = {
    "vgg16-narrow": [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"],
    "vgg11bn-narrow": [4, "M", 8, "M", 8, 8, "M", 16, 16, "M", 16, 16, "M"],
}
# The modules of torchvision's features whose outputs are explained, by the library's names.
LAYERS = {
    "vgg16-narrow": {"relu5_3": 29, "conv5_3": 28, "pool4": 23},
    "vgg11bn-narrow": {"relu5_2": 27, "conv5_2": 25, "pool4": 21},
}


def network(name):
    layers, channels = [], 3
    for width in WIDTHS[name]:
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, width, 3, padding=1))
        if "bn" in name:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU())
        channels = width
    model = nn.Module()
    model.features = nn.Sequential(*layers)
    model.classifier = nn.Sequential(
        nn.Linear(channels * 49, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10)
    )
    model.load_state_dict(load_file(FOLDER / f"{name}.safetensors"))
    return model.eval()


def logits(model, x, first=0):
    y = nn.functional.adaptive_avg_pool2d(model.features[first:](x), (7, 7))
    return model.classifier(torch.flatten(y, 1))


def grad_cam(model, x, module, index):
    maps = model.features[: module + 1](x).detach().requires_grad_()
    scores = logits(model, maps, module + 1)
    index = int(scores.argmax()) if index is None else index
    (gradient,) = torch.autograd.grad(scores[0, index], maps)
    weights = gradient.mean((2, 3), keepdim=True)
    return torch.relu((weights * maps).sum(1))[0].detach(), index


def saliency(model, x, index):
    x = x.clone().requires_grad_()
    scores = logits(model, x)
    index = int(scores.argmax()) if index is None else index
    (gradient,) = torch.autograd.grad(scores[0, index], x)
    return gradient.abs().amax(1)[0], index


def packed(tensor):
    return base64.b64encode(tensor.contiguous().numpy().astype("<f4").tobytes()).decode()


cases = []
for name in WIDTHS:
    model = network(name)
    expected = load_file(FOLDER / f"{name}-expected.safetensors")
    for size, x in ((224, expected["input"]), (96, expected["input96"][:1])):
        assert np.allclose(logits(model, x).detach(), expected["logits" if size == 224 else "logits96"][:1], atol=1e-5)
        for asked in (None, 3):
            for layer, module in LAYERS[name].items():
                if layer.startswith("conv") and asked is None or layer == "pool4" and size == 224:
                    continue
                values, index = grad_cam(model, x, module, asked)
                cases.append({"network": name, "size": size, "asked": asked, "classIndex": index, "layer": layer, "side": values.shape[0], "gradCam": packed(values)})
            values, index = saliency(model, x, asked)
            step = 16 if size == 224 else 8
            cases.append({"network": name, "size": size, "asked": asked, "classIndex": index, "step": step, "sum": float(values.double().sum()), "most": float(values.max()), "saliency": packed(values[::step, ::step])})
print(json.dumps(cases, indent=2))
