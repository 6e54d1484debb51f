"""Writes torchPerceptual.safetensors and lpips-narrow.pth beside this file: perceptual losses, LPIPS and style transfer
of the narrow VGG-16 of the reference folder, as PyTorch computes them in double precision.

    python makeTorchPerceptual.py ../../../shared/reference/torch     (PyTorch 2.13, safetensors)

Images are the sigmoid of the reference's input96, rounded to bytes: RGB from 0 to 1, [2, 64, 48, 3] of its upper left
corner. Of gradients and
images every 37th number is kept, channels last.
"""
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import mse_loss

reference = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).parent
WIDTHS = [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
state = {k: v.double() for k, v in load_file(reference / "vgg16-narrow.safetensors").items()}


def network(pool):
    """The layers by the paper's names."""
    named, block, conv, module = [], 1, 0, 0
    for width in WIDTHS:
        if width == "M":
            named.append((f"pool{block}", pool(2, 2)))
            block, conv, module = block + 1, 0, module + 1
            continue
        weight = state[f"features.{module}.weight"]
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1).double()
        layer.load_state_dict({"weight": weight, "bias": state[f"features.{module}.bias"]})
        conv, module = conv + 1, module + 2
        named += [(f"conv{block}_{conv}", layer), (f"relu{block}_{conv}", nn.ReLU())]
    return named


def features(x, names, pool=nn.MaxPool2d):
    found = {}
    for name, layer in network(pool):
        x = layer(x)
        found[name] = x
    return [found[name] for name in names]


def column(numbers):
    return torch.tensor(numbers, dtype=torch.float64).reshape(1, 3, 1, 1)


def torchvision(x):
    return (x - column([0.485, 0.456, 0.406])) / column([0.229, 0.224, 0.225])


def caffe(x):
    return x.flip(1) * 255 - column([103.939, 116.779, 123.68])


def gram(f, divisor="elements"):
    n, c, h, w = f.shape
    rows = f.reshape(n, c, h * w)
    return rows @ rows.transpose(1, 2) / {"elements": c * h * w, "positions": h * w, "none": 1}[divisor]


def perceptual(a, b, names, weights, normalize):
    pairs = zip(features(normalize(a), names), features(normalize(b), names), weights)
    return sum(w * mse_loss(x, y) for x, y, w in pairs)


def total_variation(x):
    down, right = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return down.abs().sum((1, 2, 3)) + right.abs().sum((1, 2, 3))


LPIPS_LAYERS = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]


def unit(f):
    """lpips.normalize_tensor, but for the slope of the root at 0, which is infinite there."""
    return f / (torch.sqrt((f**2).sum(1, keepdim=True) + 1e-40) + 1e-10)


def lpips(a, b, lins):
    """The package's forward for images from -1 to 1: its scaling layer, its layers, its spatial average."""
    shift, scale = column([-0.030, -0.088, -0.188]), column([0.458, 0.448, 0.450])
    pairs = zip(*(features((x - shift) / scale, LPIPS_LAYERS) for x in (a, b)), lins)
    return sum((lin * (unit(x) - unit(y)) ** 2).sum(1).mean((1, 2)) for x, y, lin in pairs)


def style_parts(x, content, style, settings, pool):
    names = settings["content"] + settings["style"]
    split = len(settings["content"])
    at, of, like = (features(torchvision(i), names, pool) for i in (x, content, style))
    return torch.stack([
        settings["contentWeight"] * sum(mse_loss(p, q) for p, q in zip(at[:split], of[:split])),
        settings["styleWeight"] * sum(mse_loss(gram(p), gram(q)) for p, q in zip(at[split:], like[split:])),
        settings["tvWeight"] * total_variation(x).mean() / x[0].numel(),
    ])


def strided(x):
    return x.detach().permute(0, 2, 3, 1).reshape(-1)[::37]


def gradient(loss, x):
    return strided(torch.autograd.grad(loss, x)[0])


noise = load_file(reference / "vgg16-narrow-expected.safetensors")["input96"].double()[:, :, :64, :48]
images = (255 * torch.sigmoid(noise)).round() / 255
others = torch.stack([images[1], images[0].flip(2)])  # the second is the first's mirror image
out = {}

x = images.clone().requires_grad_()
for recipe in (torchvision, caffe):
    loss = perceptual(x, others, ["relu2_2", "conv3_1", "pool4"], [1, 0.5, 2], recipe)
    out[f"perceptual.{recipe.__name__}"] = loss.detach().reshape(1)
    out[f"perceptual.{recipe.__name__}.gradient"] = gradient(loss, x)

for divisor in ("elements", "positions", "none"):
    out[f"gram.{divisor}"] = gram(features(torchvision(images), ["relu3_3"])[0], divisor)

variation = total_variation(x)
out["totalVariation"], out["totalVariation.gradient"] = variation.detach(), gradient(variation.sum(), x)

torch.manual_seed(5)
lins = [torch.rand(1, width, 1, 1) for width in (4, 8, 8, 16, 16)]
torch.save({f"lin{i}.model.1.weight": lin for i, lin in enumerate(lins)}, here / "lpips-narrow.pth")
distance = lpips(2 * x - 1, 2 * others - 1, [lin.double() for lin in lins])
out["lpips"], out["lpips.gradient"] = distance.detach(), gradient(distance.sum(), x)

SETTINGS = {"content": ["relu4_2"], "style": ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"],
            "contentWeight": 1, "styleWeight": 1e6, "tvWeight": 10}
for pooling, pool in (("max", nn.MaxPool2d), ("avg", nn.AvgPool2d)):
    x = images[:1].clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.02)
    losses = []
    for step in range(5):
        optimizer.zero_grad()
        parts = style_parts(x, images[:1], images[1:], SETTINGS, pool)
        parts.sum().backward()
        if step == 0:
            out[f"style.{pooling}.gradient"] = strided(x.grad)
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        losses.append(parts.detach())
    out[f"style.{pooling}.losses"], out[f"style.{pooling}.picture"] = torch.stack(losses), strided(x)

# L-BFGS by itself: a narrow valley, from 0.5 everywhere; it stays between 0 and 1.
x = torch.full((4,), 0.5, dtype=torch.float64, requires_grad=True)
target, stiffness = torch.tensor([0.2, 0.7, 0.4, 0.6]).double(), torch.tensor([0.6, 0.9, 0.4, 0.5]).double()
optimizer = torch.optim.LBFGS([x], lr=1, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0)
path = []


def valley():
    optimizer.zero_grad()
    loss = (stiffness * (x - target) ** 2).sum() + (x[0] * x[1] - 0.2) ** 2 + (x[2] - x[3]) ** 4
    loss.backward()
    return loss


for _ in range(14):
    optimizer.step(valley)
    path.append(x.detach().clone())
out["lbfgs"] = torch.stack(path)
assert ((out["lbfgs"] > 0) & (out["lbfgs"] < 1)).all()

assert all(torch.isfinite(v).all() for v in out.values())
save_file({k: v.float().contiguous() for k, v in out.items()}, here / "torchPerceptual.safetensors")
