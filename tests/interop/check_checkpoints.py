#!/usr/bin/env python3
"""Checkpoints that Python's torch and Lightning wrote, read by torchbolt, written by it again, and read by Python.

usage: check_checkpoints.py CHECKPOINT_FILES_PROGRAM WORK_FOLDER
"""
import collections, json, math, os, pathlib, pickle, shutil, subprocess, sys, warnings

import safetensors.torch
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "checkpoint" / "files"))
import make_files

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
warnings.simplefilter("ignore")
torch.manual_seed(1)

TYPES = {torch.float32: "Float", torch.float64: "Double", torch.float16: "Half", torch.bfloat16: "BFloat16", torch.int64: "Long",
         torch.int32: "Int", torch.int16: "Short", torch.int8: "Char", torch.uint8: "Byte", torch.bool: "Bool",
         torch.complex64: "ComplexFloat", torch.complex128: "ComplexDouble", torch.complex32: "ComplexHalf",
         torch.uint16: "UInt16", torch.uint32: "UInt32", torch.uint64: "UInt64", torch.float8_e5m2: "Float8_e5m2",
         torch.float8_e4m3fn: "Float8_e4m3fn", torch.float8_e5m2fnuz: "Float8_e5m2fnuz",
         torch.float8_e4m3fnuz: "Float8_e4m3fnuz", torch.float8_e8m0fnu: "Float8_e8m0fnu"}


class Describe:
    """A Python object as the program describes the State that it becomes."""

    def __init__(self, numbers=True):
        self.storages, self.numbers = {}, numbers

    def __call__(self, x):
        if x is None or isinstance(x, (bool, str)):
            return x
        if isinstance(x, int):
            return {"int": str(x)}
        if isinstance(x, float):
            return {"float": x.hex() if math.isfinite(x) else repr(x)}
        if isinstance(x, torch.Tensor):
            return self.tensor(x.detach())
        if isinstance(x, tuple):
            return {"tuple": [self(v) for v in x]}
        if isinstance(x, (list, set, frozenset)):
            return {"list": [self(v) for v in x]}
        if isinstance(x, dict):
            return {"map": [[int(k) if isinstance(k, bool) else k, self(v)] for k, v in x.items()]}
        if isinstance(x, (bytes, bytearray)):
            return self.tensor(torch.tensor(list(x), dtype=torch.uint8))
        if isinstance(x, complex):
            return self.tensor(torch.tensor(x, dtype=torch.complex128))
        if isinstance(x, (torch.device, torch.dtype)):
            return str(x)
        raise TypeError(type(x))

    def tensor(self, x):
        storage = self.storages.setdefault(x.untyped_storage()._cdata, (len(self.storages), x.untyped_storage()))[0]
        out = {"type": TYPES[x.dtype], "shape": list(x.shape), "stride": list(x.stride()), "storage": storage,
               "requires_grad": False}
        if self.numbers:
            plain = x.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
            out["hex"] = bytes(plain.untyped_storage()).hex()
        return {"tensor": out}


def number_of(text):
    """C++ and Python write hexadecimal floats with other digits."""
    return float.fromhex(text)


def same(a, b, where="the whole"):
    if isinstance(a, dict) and isinstance(b, dict):
        assert a.keys() == b.keys(), (where, a.keys(), b.keys())
        for key in a:
            if key == "float":
                x, y = number_of(a[key]), number_of(b[key])
                assert x == y or x != x and y != y, (where, a, b)
            else:
                same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list) and isinstance(b, list):
        assert len(a) == len(b), (where, len(a), len(b))
        for k, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{where}[{k}]")
    else:
        assert type(a) is type(b) and a == b, (where, a, b)


def ask(*questions):
    done = subprocess.run([program], input="\n".join(questions) + "\n", text=True, check=True, capture_output=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), done.stdout
    return answers


def check(name, value, path, again=True):
    read, outline, rewritten = ask(f"ckpt {path}", f"outline {path}", f"rewrite {path} {path}.new")
    assert "error" not in (read or {}), (name, read)
    expected = json.loads(json.dumps(Describe()(value)))
    same(read, expected, name)
    assert rewritten is None, (name, rewritten)
    if not again:
        return
    same(outline, json.loads(json.dumps(Describe(False)(value))), name)
    for options in [{"mmap": False}, {"mmap": True}]:
        back = torch.load(f"{path}.new", weights_only=True, **options)
        same(json.loads(json.dumps(Describe()(back))), expected, f"{name}, written again, {options}")
    meta = torch.load(f"{path}.new", weights_only=True, map_location="meta")
    same(json.loads(json.dumps(Describe(False)(meta))), json.loads(json.dumps(Describe(False)(value))), f"{name}, on meta")


def numbers(dtype, *shape):
    raw = torch.randint(0, 256, (*shape, 16), dtype=torch.uint8)
    if dtype == torch.bool:
        return raw[..., 0] % 2 == 1
    return raw.view(dtype)[..., 0].clone()


shared = torch.arange(24.0).reshape(4, 6)
odd = {
    "views": [shared, shared.t(), shared[1:3, ::2], shared.flatten()[3:3], shared[2, 5], shared.expand(2, 4, 6)],
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "all": {str(t): [numbers(t, 3, 5), numbers(t), numbers(t, 0, 2), numbers(t, 4, 4).t()] for t in TYPES},
    "grad": torch.nn.Parameter(torch.randn(3)),
    "deep": [[[[({"a": (1, [2, (3,)])},)]]]],
}
plain = {
    "none": None, "true": True, "false": False, "text": "ä€😀\x00", "empty": "", "long": "x" * 70000,
    "ints": [0, 1, 255, 256, 65535, 65536, -1, -129, 2**31 - 1, -2**31, 2**31, -2**31 - 1, 2**63 - 1, -2**63],
    "floats": [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], 3: "integer key", -2**40: "another",
    "lists": [[], [1], list(range(3000))], "maps": [{}, {"a": {}}],
    "ordered": collections.OrderedDict(b=1, a=2), "counter": collections.Counter([3, 3, 5]),
}
# What becomes something else in a State.
strange = {"size": torch.Size([2, 3]), "device": [torch.device("cpu"), torch.device("cuda:1")], "dtype": torch.bfloat16,
           "set": {7}, "bytes": [b"", b"ab\xff\x80\x00"], "bytearray": bytearray(b"\x01\xfe"), "complex": 1.5 - 2j, True: "bool key",
           "conj": torch.randn(3, dtype=torch.complex64).conj(), "neg": torch.randn(3, dtype=torch.complex64).conj().imag}

for protocol in range(2, 6):
    for name, value in {"odd": odd, "plain": plain, "strange": strange, "number": 5, "tensor": shared[1:]}.items():
        path = work / f"{name}{protocol}.ckpt"
        torch.save(value, path, pickle_protocol=protocol)
        check(f"{name}, protocol {protocol}", value, path, again=name != "strange")
# A path of any bytes, in which surrogates stand for what isn't UTF-8.
place = {"path": os.fsdecode(b"caf\xe9/\xc3\xa9\xff")}
torch.save(place, work / "place.ckpt")
assert ask(f"rewrite {work}/place.ckpt {work}/again.ckpt") == [None]
assert torch.load(work / "again.ckpt", weights_only=True) == place
print("torch.save's files read, and written again")


# Tensors with attributes, and what old versions wrote.
attributed = torch.ones(2)
attributed.note = "kept in Python"
parameter = torch.nn.Parameter(torch.ones(2))
parameter.note = "kept in Python"
module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
for name, value in {"attributed": [attributed], "parameter": [parameter], "state_dict": module.state_dict(),
                    "defaultdict": collections.defaultdict(dict, {"a": 1})}.items():
    path = work / f"{name}.ckpt"
    torch.save(value, path)
    check(name, value, path)


def refused(name, value, *parts, save=torch.save):
    path = work / f"bad-{name}.ckpt"
    save(value, path)
    (answer,) = ask(f"ckpt {path}")
    assert all(part in answer.get("error", "") for part in parts), (name, answer)


class Own:
    pass


cycle = [1]
cycle.append(cycle)
refused("object", {"a": [1, {"b": Own()}]}, "__main__.Own", '["a"][1]["b"]', "byte")
refused("function", {"f": print}, "print", '["f"]')
refused("cycle", {"c": cycle}, "holds itself", '["c"][1]')
refused("long", {"i": 2**63}, "64 bits")
refused("sparse", torch.ones(2, 2).to_sparse(), "sparse")
refused("quantized", torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "_rebuild_qtensor")
refused("key", {1.5: 2}, "neither a text nor an integer")
refused("old", {"a": 1}, "before 1.6", save=lambda v, p: torch.save(v, p, _use_new_zipfile_serialization=False))
refused("pickle", {"a": 1}, "zip", save=lambda v, p: p.write_bytes(pickle.dumps(v)))
print("what no State can hold is refused")


# Lightning goes on with a file that was read and written again as it does with its own.
for optimizer in ["AdamW", "SGD", "Adam", "NAdam", "Adagrad"]:
    folder = work / f"lightning_{optimizer}"
    trainer, _ = make_files.train(folder, optimizer=optimizer)
    path = folder / "end.ckpt"
    trainer.save_checkpoint(path)
    check(optimizer, torch.load(path, weights_only=True), path)
    again = make_files.Model.load_from_checkpoint(f"{path}.new", weights_only=True)
    assert again.hparams.optimizer == optimizer and again.hparams.tags == ("a", "b"), again.hparams
    weights = [make_files.resume(folder / "resumed", checkpoint, optimizer=optimizer) for checkpoint in [path, f"{path}.new"]]
    for a, b in zip(*weights):
        assert torch.equal(a, b), optimizer
print("Lightning's files read, and continued")

# safetensors: bytes, not only values, since the order is the package's.
tensors = {str(t).removeprefix("torch."): numbers(t, 3, 5) for t in TYPES if t not in (torch.complex128, torch.complex32)}
tensors |= {f"layer.{k}.weight": torch.randn(k, 3) for k in range(12)} | {"scalar": torch.tensor(1.5), "ä \"x\"": torch.ones(1)}
for name, (values, metadata) in {"some": (tensors, {"format": "pt"}), "plain": (tensors, None), "none": ({}, None)}.items():
    path = work / f"{name}.safetensors"
    safetensors.torch.save_file(values, path, metadata)
    read, resaved = ask(f"safetensors {path}", f"resave {path} {path}.new")
    assert read["metadata"] == (metadata or {}) and resaved is None, (name, read, resaved)
    same(read["tensors"], json.loads(json.dumps(Describe()(dict(sorted(values.items()))))), name)
    back = safetensors.torch.load_file(f"{path}.new")
    assert back.keys() == values.keys()
    same(json.loads(json.dumps(Describe()(dict(sorted(back.items()))))), read["tensors"], name)
    assert pathlib.Path(f"{path}.new").read_bytes() == path.read_bytes(), name
print("safetensors exchanged")
