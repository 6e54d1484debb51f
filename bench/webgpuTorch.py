"""The rates of PyTorch on CUDA beside webgpu.ts: python webgpuTorch.py ARCH SIZE HIDDEN BATCHES SECONDS. Images are resized on the
device. It prints a row of JSON as soon as it is known."""
import json
import sys
import time

import torch
from torch import nn

from pytorch import vgg

arch, size, hidden, batches, seconds = (json.loads(argument) for argument in sys.argv[1:])
device = torch.device("cuda")
torch.manual_seed(0)
model = vgg(arch, (size, size, 1), 10, hidden=hidden).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss = nn.CrossEntropyLoss()


def rate(batch, step):
    def run(times):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(times):
            step()
        torch.cuda.synchronize()
        return time.perf_counter() - start

    run(5)
    times = max(2, min(500, round(seconds / (run(3) / 3))))
    return batch * times / run(times)


for tf32 in (False, True):
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    for batch in batches:
        small = torch.rand(batch, 1, 28, 28, device=device)
        x = nn.functional.interpolate(small, size=(size, size), mode="bilinear")
        y = torch.arange(batch, device=device) % 2

        def train():
            images = nn.functional.interpolate(small, size=(size, size), mode="bilinear")
            optimizer.zero_grad(set_to_none=True)
            loss(model(images), y).backward()
            optimizer.step()

        def predict():
            with torch.no_grad():
                model(x)

        for part, step in (("training", train), ("prediction", predict)):
            model.train(part == "training")
            kernels = f"PyTorch {torch.__version__}, {'TF32' if tf32 else 'float32'}"
            row = {"part": part, "batch": batch, "kernels": kernels, "examplesPerSecond": round(rate(batch, step), 1)}
            print(json.dumps(row), flush=True)
