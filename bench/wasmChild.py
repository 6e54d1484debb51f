"""PyTorch's process of wasm.ts, with the network as the chapter writes it: python wasmChild.py CASE. It answers each line,
a number of steps, with the milliseconds of one."""
import json
import sys
import time

import torch
from torch import nn

from pytorch import vgg

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.set_flush_denormal(case.get("flush", False))
torch.manual_seed(0)
now = time.process_time if case["clock"] == "processor" else time.perf_counter
layout = torch.channels_last if case.get("channelsLast") else torch.contiguous_format
shape = (case["size"], case["size"], 1)
options = {"hidden": case.get("hiddenUnits", 4096), "batch_norm": case.get("batchNorm", False)}
model = vgg(case["arch"], shape, 10, inplace=False, **options).to(memory_format=layout).train(case["train"])
x = torch.randn(case["batch"], 1, case["size"], case["size"])
y = torch.arange(case["batch"]) % 10
if case.get("confident"):
    # The first class leads by about 80, more or less with the contrast of the image.
    y.zero_()
    x *= torch.linspace(0, 20, case["batch"]).view(-1, 1, 1, 1)
    model.classifier[-1].bias.data.zero_()[0] = 80
x = x.to(memory_format=layout)
if case.get("optimizer") == "adam":
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
else:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loss = nn.CrossEntropyLoss()


def step():
    if case["train"]:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    else:
        with torch.no_grad():
            model(x)


for line in sys.stdin:
    start = now()
    for _ in range(int(line)):
        step()
    print((now() - start) * 1000 / int(line), flush=True)
