#!/usr/bin/env python3
"""Small valid files from which a fuzzer starts.

usage: make_seeds.py csv|idx|npy|npz FOLDER
"""
import gzip, io, pathlib, struct, sys, zipfile


def npy(descr, shape, data, version=1, fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + b"\n" + data


def npz(compression, zip64=False, **arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=zip64) as entry:
                entry.write(data)
    return out.getvalue()


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + data


arrays = [npy("<f4", (2,), bytes(8)), npy(">i2", (2, 2), bytes(range(8)), 2, True), npy("|b1", (3,), b"\0\1\2", 3),
          npy("<c16", (), bytes(16)), npy("|u1", (0, 3), b"")]
tables = [b"\0a,b\r\n1,\"x\"\"y\"\r\n2.5,\r\n", b"\1\xef\xbb\xbfa;b\n1;NA\n;2\n", b"\2" + b"1,2\nx,3\n", b"\7" + b"1;;nan\n2;3;4\n",
          b"\0" + gzip.compress(b"a\n1\n", mtime=0), b"\x08a\nb\"c\n"]
seeds = {
    "npy": arrays,
    "npz": [npz(zipfile.ZIP_STORED, x=arrays[0], y=arrays[1]), npz(zipfile.ZIP_DEFLATED, x=arrays[2]),
            npz(zipfile.ZIP_STORED, True, z=arrays[3])],
    "idx": [idx(8, [2, 3], bytes(range(6))), idx(13, [2], bytes(8)), gzip.compress(idx(11, [2, 1], bytes(4)), mtime=0)],
    "csv": tables,
}
folder = pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
for number, data in enumerate(seeds[sys.argv[1]]):
    (folder / str(number)).write_bytes(data)
