"""Writes h5Files.ts beside this file: small HDF5 files, gzipped, of layouts that Keras 3 does not write itself.

    python makeH5Files.py     (h5py 3.16, numpy)
"""
import base64
import gzip
import json
import pathlib
import tempfile

import h5py
import numpy as np


def counting(shape, dtype="float32"):
    return (np.arange(np.prod(shape)).reshape(shape) / 8 - 3).astype(dtype)


def keras2(path):
    """A whole model as Keras 2 saves it: `kernel:0`, nested groups, text attributes of fixed and variable length."""
    layers = [("conv2d", "Conv2D", (3, 3, 1, 2)), ("max_pooling2d", "MaxPooling2D", None),
              ("conv2d_1", "Conv2D", (3, 3, 2, 2)), ("max_pooling2d_1", "MaxPooling2D", None), ("flatten", "Flatten", None),
              ("dense", "Dense", (8, 3)), ("dense_1", "Dense", (3, 3)), ("dense_2", "Dense", (3, 2))]
    config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 1], "name": "conv2d_input"}},
        *({"class_name": kind, "config": {"name": name, "activation": "softmax" if name == "dense_2" else "relu"}} for name, kind, _ in layers)]}}
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"], f.attrs["backend"] = "2.15.0", "tensorflow"
        f.attrs["model_config"] = json.dumps(config).encode()
        f.create_group("optimizer_weights").create_dataset("Adam/m:0", data=counting((2,)))
        top = f.create_group("model_weights")
        top.attrs["layer_names"] = [name.encode() for name, *_ in layers]
        for name, _, shape in layers:
            group = top.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()] if shape else []
            if shape:
                group.create_dataset(f"{name}/kernel:0", data=counting(shape))
                group.create_dataset(f"{name}/bias:0", data=counting(shape[-1:]))


def chunked(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("packed", data=counting((7, 5)), chunks=(3, 2), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("plain", data=counting((2, 9, 3)), chunks=(1, 4, 3))


def types(path):
    with h5py.File(path, "w") as f:
        for dtype in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"):
            f.create_dataset(dtype, data=(np.arange(6).reshape(2, 3) * 3 + 1).astype(dtype))
        f.create_dataset("scalar", data=np.float32(2.5))
        f.create_dataset("texts", data=["a", "b"])
        f.create_dataset("none", shape=(0, 4), dtype="float32")
        compact = h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((3,)), compact_list())
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, counting((3,)))
        f.attrs["text"], f.attrs["texts"] = "variable \u00e9", ["one", "three"]
        f.attrs["fixed"] = np.array([b"ab", b"abcd"])
        f.attrs["number"], f.attrs["numbers"] = 7, np.array([1.5, 2.5])
        f.attrs["empty"] = h5py.Empty("f4")


def links(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("hard", data=counting((2,)))
        f["soft"] = h5py.SoftLink("/hard")
        f["outside"] = h5py.ExternalLink("other.h5", "/x")
        f.create_group("old")["soft"] = h5py.SoftLink("/hard")


def compact_list():
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    return plist


def latest(path):
    with h5py.File(path, "w", libver="latest") as f:
        f.attrs["name"] = "new"
        f.create_group("group").create_dataset("data", data=counting((2, 2)))


def dense(path):
    with h5py.File(path, "w", libver="latest") as f:
        for i in range(12):
            f.create_dataset(f"d{i}", data=counting((2,)))


def big_endian(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("data", data=counting((2,), ">f4"))


def cycle(path):
    with h5py.File(path, "w") as f:
        f.create_group("inner")["again"] = f["/"]


def unwritten(path):
    with h5py.File(path, "w") as f:
        f.create_dataset("data", shape=(1000, 1000), dtype="float32")


lines = ["/** Written by makeH5Files.py: gzipped HDF5 files of h5py, in base64. */", "export const H5_FILES = {"]
for make in (keras2, chunked, types, links, latest, dense, big_endian, cycle, unwritten):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "file.h5")
        make(path)
        packed = base64.b64encode(gzip.compress(path.read_bytes(), 9, mtime=0)).decode()
    name = make.__name__.replace("_e", "E")
    lines.append(f"  {name}:\n    '{packed}',")
pathlib.Path(__file__).with_name("h5Files.ts").write_text("\n".join([*lines, "} as const;", ""]))
