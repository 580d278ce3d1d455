#!/usr/bin/env python3
"""Files written by NumPy and by Python's csv, read by torchbolt; arrays written by torchbolt, read by NumPy; pictures, by Pillow.

usage: check_files.py READ_FILES_PROGRAM WORK_FOLDER
"""
import csv, json, pathlib, random, shutil, subprocess, sys, warnings

import numpy as np
from PIL import Image

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
warnings.simplefilter("ignore")  # version 3 and 2 are said not to be readable by very old NumPys

TYPES = {"bool": "Bool", "int8": "Char", "uint8": "Byte", "int16": "Short", "uint16": "UInt16", "int32": "Int",
         "uint32": "UInt32", "int64": "Long", "uint64": "UInt64", "float16": "Half", "float32": "Float",
         "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}
SHAPES = [(), (0,), (5,), (3, 4), (2, 0, 3), (2, 3, 4)]
rng = np.random.default_rng(1)
random.seed(1)
questions, checks = [], []


def ask(question, check):
    questions.append(question)
    checks.append(check)


def array(name, shape):
    raw = rng.integers(0, 256, size=(*shape, 16), dtype=np.uint8)
    if name == "bool":
        return np.asarray(raw[..., 0] % 2 == 1)
    if "float" in name or "complex" in name:
        return np.asarray(raw[..., 0] / 7 - (1j if "complex" in name else 0) * raw[..., 1], dtype=name)
    return raw.view(name)[..., 0].copy()


def same(expected, name):
    def check(got):
        assert got.get("type") == TYPES[name], (name, got)
        assert tuple(got["shape"]) == expected.shape, (name, got["shape"])
        assert got["hex"] == np.ascontiguousarray(expected).astype(name).tobytes().hex(), name
    return check


def refused(*parts):
    def check(got):
        assert all(part in got["error"] for part in parts), got
    return check


count = 0
rewritten = []
for name in TYPES:
    for shape in SHAPES:
        for order in "<>":
            for layout in "CF":
                for version in [(1, 0), (2, 0), (3, 0)]:
                    x = array(name, shape)
                    stored = np.array(x, dtype=np.dtype(name).newbyteorder(order), order=layout)
                    path = work / f"{count}.npy"
                    count += 1
                    with open(path, "wb") as file:
                        np.lib.format.write_array(file, stored, version=version)
                    ask(f"npy {path}", same(x, name))
                    swapped = order == ">" and np.dtype(name).itemsize > 1
                    ask(f"map {path}", refused("byte order") if swapped else same(x, name))
                    ask(f"rewrite {path} {path}.new", lambda got: None)
                    rewritten.append((x, name, f"{path}.new"))

for number, save in enumerate([np.savez, np.savez_compressed]):
    arrays = {name: array(name, (3, 5)) for name in TYPES}
    arrays["zeros"] = np.zeros((200, 300), "float32")
    save(work / f"{number}.npz", **arrays)
    names = {**{n: n for n in TYPES}, "zeros": "float32"}

    def check(got, arrays=arrays, names=names):
        assert got.keys() == arrays.keys(), got.keys()
        for key, value in arrays.items():
            same(value, names[key])(got[key])
    ask(f"npz {work / f'{number}.npz'}", check)

for number, bad in enumerate([np.array([{}, 1], dtype=object), np.zeros(2, [("a", "i4"), ("b", "f4")]),
                              np.array(["text"]), np.array(["2020-01-01"], "M8[D]"), np.zeros(1, "longdouble")]):
    path = work / f"bad{number}.npy"
    np.save(path, bad, allow_pickle=True)
    ask(f"npy {path}", refused(str(path)))

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
pictures = []
for number, shape in enumerate([(5, 7), (1, 1, 1), (1, 30, 20), (2, 3, 4), (3, 64, 33), (4, 17, 40), (3, 700, 900)]):
    x = rng.integers(0, 256, size=shape, dtype=np.uint8)
    path = work / f"picture{number}.npy"
    np.save(path, x)
    ask(f"png {path} {path}.png", lambda got: None)
    pictures.append((x, f"{path}.png"))

TEXTS = ["plain", "with, comma", 'with "quotes"', "two\nlines", "", " spaces ", "äöü €", "semi;colon", "'"]
for number, (delimiter, quoting, end) in enumerate([(",", csv.QUOTE_MINIMAL, "\r\n"), (";", csv.QUOTE_ALL, "\n"),
                                                    ("|", csv.QUOTE_NONNUMERIC, "\r\n")]):
    rows = [(random.randint(-2**63, 2**63 - 1), random.uniform(-1, 1) * 10.0 ** random.randint(-300, 300),
             random.choice(TEXTS), random.choice([1, 2.5])) for _ in range(500)]
    path = work / f"{number}.csv"
    with open(path, "w", newline="", encoding="utf-8-sig" if number == 1 else "utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
        writer.writerow(["whole", "real", "text, and more", "mixed"])
        writer.writerows(rows)

    def check(got, rows=rows):
        whole, real, text, mixed = zip(*rows)
        same(np.array(whole), "int64")(got["whole"])
        same(np.array(real), "float64")(got["real"])
        same(np.array(mixed, "float64"), "float64")(got["mixed"])
        assert got["text, and more"] == list(text)
    ask(f"csv {delimiter} {path}", check)

done = subprocess.run([program], input="\n".join(questions) + "\n", text=True, check=True, capture_output=True)
answers = done.stdout.splitlines()
assert len(answers) == len(questions), (len(answers), len(questions))
for question, check, answer in zip(questions, checks, answers):
    try:
        check(json.loads(answer))
    except (AssertionError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"{question}: {error!r}\n{answer[:500]}")
for x, name, path in rewritten:
    back = np.load(path)
    assert back.dtype == np.dtype(name) and back.shape == x.shape and back.tobytes() == x.tobytes(), (name, path)
for x, path in pictures:
    channels = x if x.ndim == 3 else x[None]
    with Image.open(path) as image:
        image.load()  # compares checksums, and takes nothing that isn't whole
        assert (image.format, image.mode) == ("PNG", MODES[len(channels)]), (path, image.mode)
        back = np.asarray(image).reshape(*channels.shape[1:], len(channels))
    assert (back == channels.transpose(1, 2, 0)).all(), path
print(f"{len(questions)} files read")
