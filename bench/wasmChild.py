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
torch.manual_seed(0)
now = time.process_time if case["clock"] == "processor" else time.perf_counter
layout = torch.channels_last if case["channelsLast"] else torch.contiguous_format
shape = (case["size"], case["size"], 1)
model = vgg(case["arch"], shape, 10, inplace=False).to(memory_format=layout).train(case["train"])
x = torch.randn(case["batch"], 1, case["size"], case["size"]).to(memory_format=layout)
y = torch.arange(case["batch"]) % 10
optimizer, loss = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()


def step():
    if case["train"]:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    else:
        with torch.no_grad():
            model(x)


for _ in range(3):
    step()
for line in sys.stdin:
    start = now()
    for _ in range(int(line)):
        step()
    print((now() - start) * 1000 / int(line), flush=True)
