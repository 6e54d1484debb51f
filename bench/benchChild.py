"""One process of index.ts in Python: python benchChild.py PART VARIANT SPEC, where VARIANT is pytorch, 'pytorch channels_last',
keras or onnxruntime."""
import importlib.util
import json
import os
import resource
import sys
import time

import numpy as np

SLOW_MS = 10_000


class Absent(Exception):
    pass


def clock_of(spec):
    """Seconds of wall time or of processor time."""
    return time.perf_counter if spec["clock"] == "wall" else time.process_time


def loop(spec, once):
    """Milliseconds of each run, by the rule of `loop` in child.mjs."""
    now = clock_of(spec)

    def timed():
        start = now()
        once()
        return (now() - start) * 1000

    if timed() >= SLOW_MS:
        return [timed()]
    timed()
    runs = []
    while len(runs) < 2 or sum(runs) < 1000 * spec["seconds"]:
        runs.append(timed())
    return runs


def read_images(spec):
    """The images, channels first."""
    shape = (spec["batchSize"], *spec["inputShape"])
    return np.ascontiguousarray(np.fromfile(f"{spec['folder']}/images.bin", "<f4").reshape(shape).transpose(0, 3, 1, 2))


def pytorch(part, spec, layout="contiguous_format"):
    """In PyTorch's default layout, channels first, or with the channels last in memory."""
    import torch

    from pytorch import vgg

    torch.set_num_threads(spec["threads"])
    torch.manual_seed(0)
    layout = {"memory_format": getattr(torch, layout)}
    # A tensor with one channel is contiguous in both layouts; only a new one surely has the strides of the one requested.
    images = torch.from_numpy(read_images(spec))
    x = torch.empty(images.shape, **layout).copy_(images)
    now = clock_of(spec)
    network = lambda: vgg(spec["arch"], spec["inputShape"], spec["classes"], spec["hiddenUnits"], batch_norm=spec.get("batchNorm", False))
    about = {"about": f"PyTorch {torch.__version__}"}
    if part == "build":
        begun = now()
        model = network().to(**layout).train()
        build = (now() - begun) * 1000
        y = torch.arange(spec["batchSize"]) * 7 % spec["classes"]
        optimizer = torch.optim.SGD(model.parameters(), 0.01)

        def step():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()

        return {**about, "build": build, "training": loop(spec, step)}
    from safetensors.torch import load_file

    with torch.inference_mode():
        begun = now()
        model = network().to(**layout).eval()
        model.load_state_dict(load_file(f"{spec['folder']}/{spec.get('file', 'network.safetensors')}"))
        loaded = now()
        logits = model(x[:1])[0].tolist()
        first = now() - loaded
        predicted_at = time.time() * 1000
        inference = loop(spec, lambda: model(x))
    return {**about, "load": (loaded - begun) * 1000, "first": first * 1000, "predictedAt": predicted_at,
            "logits": logits, "inference": inference}


def keras(part, spec):
    """On TensorFlow, by the function that `predict` compiles, or, where there is none, on PyTorch."""
    if part == "build":
        raise Absent("only predicts here")
    backend = "tensorflow" if importlib.util.find_spec("tensorflow") else "torch"
    os.environ["KERAS_BACKEND"] = backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import keras

    images = np.ascontiguousarray(read_images(spec).transpose(0, 2, 3, 1))
    load = lambda: keras.models.load_model(f"{spec['folder']}/{spec.get('file', 'network.keras')}", compile=False)
    now = clock_of(spec)
    if backend == "tensorflow":
        import tensorflow as tf

        version, x = f"TensorFlow {tf.__version__}", tf.constant(images)
        compiled = lambda model: tf.function(lambda x: model(x, training=False))
    else:
        import torch

        torch.set_num_threads(spec["threads"])
        torch.set_grad_enabled(False)
        version, x = f"PyTorch {torch.__version__}", torch.from_numpy(images)
        compiled = lambda model: lambda x: model(x, training=False)
    begun = now()
    predict = compiled(load())
    loaded = now()
    logits = predict(x[:1]).numpy()[0].tolist()
    first = now() - loaded
    predicted_at = time.time() * 1000
    inference = loop(spec, lambda: predict(x).numpy())
    return {"about": f"Keras {keras.__version__}, {version}", "load": (loaded - begun) * 1000,
            "first": first * 1000, "predictedAt": predicted_at, "logits": logits, "inference": inference}


def onnxruntime(part, spec):
    import onnxruntime as ort

    if part == "build":
        raise Absent("only predicts")
    options = ort.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    x = read_images(spec)
    now = clock_of(spec)
    begun = now()
    session = ort.InferenceSession(f"{spec['folder']}/{spec.get('file', 'network.onnx')}", options, providers=["CPUExecutionProvider"])
    loaded = now()
    logits = session.run(None, {"image": x[:1]})[0][0].tolist()
    first = now() - loaded
    predicted_at = time.time() * 1000
    inference = loop(spec, lambda: session.run(None, {"image": x}))
    return {"about": f"onnxruntime {ort.__version__}", "load": (loaded - begun) * 1000, "first": first * 1000,
            "predictedAt": predicted_at, "logits": logits, "inference": inference}


part, variant, spec = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    name, *layout = variant.split()
    measurement = {"pytorch": pytorch, "keras": keras, "onnxruntime": onnxruntime}[name](part, spec, *layout)
except (ImportError, Absent) as error:
    measurement = {"absent": str(error)}
# Kilobytes, and bytes on macOS.
unit = 2**20 if sys.platform == "darwin" else 2**10
print(f"\n{json.dumps({**measurement, 'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit})}")
