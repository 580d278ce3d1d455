#!/usr/bin/env python3
"""What a fuzzer starts from: small valid files, and the inputs that corpus/ keeps of earlier runs.

usage: make_seeds.py KIND FOLDER     KIND: ckpt, csv, idx, journal, metrics, npy, npz, pickle, safetensors, tfrecord, wandb
"""
import gzip, io, json, pathlib, struct, sys, zipfile, zlib

import corpus


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


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def tensor(storage=b"torch\nFloatStorage", key=b"8", count=2, v3=None):
    kind = b"3" if v3 else b"2"
    return (b"ctorch._utils\n_rebuild_tensor_v" + kind + b"\n((" + text(b"storage") + b"c" + storage + b"\n" + text(key) +
            text(b"cpu") + b"K" + bytes([count]) + b"tQK\0K\1\x85K\1\x85\x89ccollections\nOrderedDict\n)R" +
            (b"ctorch\n" + v3 + b"\n" if v3 else b"") + b"tR")


def ckpt(pickle, **data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/data.pkl", pickle)
        archive.writestr("a/byteorder", b"little")
        for name, content in data.items():
            archive.writestr("a/data/" + name[1:], content)
    return out.getvalue()


def safetensors(data, **header):
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + data


def field(number, value):
    """Of a protobuf message: a message or text, or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + bytes([len(value)]) + value


def wandb_log(*chunks):
    out = b":W&B\xe1\xbe\0"
    for kind, data in chunks:
        out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data
    return out


pickles = [
    b"\x80\2}(" + text(b"a") + b"](K\1M\1\1J\xff\xff\xff\xffG" + bytes(8) + b"\x88\x89Ne" + text(b"b") + b"\x8a\2\1\1)u.",
    b"\x80\2}q\1" + text(b"w") + tensor() + b"s.",
    b"\x80\2](" + tensor(b"torch.storage\nUntypedStorage", count=8, v3=b"uint16") + b"ctorch\nSize\nK\2\x85\x85Re.",
    b"\x80\2ccollections\nCounter\n}K\1K\2s\x85R}" + text(b"m") + b"Nsb.",
    b"\x80\4\x95" + struct.pack("<Q", 20) + b"]\x94(\x8c\1a\x94h\1C\2ab\x8f(K\1\x90e.",
    b"\x80\2c_codecs\nencode\n" + text(b"\xc3\xbf") + text(b"latin1") + b"\x86R.",
    b"\x80\2(ctorch\ndevice\n" + text(b"cuda") + b"K\1\x86Rctorch\nfloat32\ncbuiltins\ncomplex\nG" + bytes(8) + b"G" + bytes(8)
    + b"\x86Rt.",
    b"\x80\2ctorch._utils\n_rebuild_parameter\n" + tensor() + b"\x88ccollections\nOrderedDict\n)R\x87R.",
    b"\x80\2ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_meta_tensor_no_storage\nctorch\nTensor\n"
    b"(ctorch\nfloat32\nK\1\x85K\1\x85\x89t}tR.",
]
arrays = [npy("<f4", (2,), bytes(8)), npy(">i2", (2, 2), bytes(range(8)), 2, True), npy("|b1", (3,), b"\0\1\2", 3),
          npy("<c16", (), bytes(16)), npy("|u1", (0, 3), b"")]
tables = [b"\0a,b\r\n1,\"x\"\"y\"\r\n2.5,\r\n", b"\1\xef\xbb\xbfa;b\n1;NA\n;2\n", b"\2" + b"1,2\nx,3\n", b"\7" + b"1;;nan\n2;3;4\n",
          b"\0" + gzip.compress(b"a\n1\n", mtime=0), b"\x08a\nb\"c\n"]
event = field(2, 5) + field(5, field(1, field(1, b"a") + b"\x15" + struct.pack("<f", 0.5)) + field(1, field(1, b"b") + field(8, field(1, 1)
        + b"\x2d" + bytes(4))) + field(1, field(1, b"c") + field(8, field(1, 2) + field(4, bytes(8)))))
row = field(1, 3) + field(2, field(1, field(2, b"loss") + field(16, b"0.5")) + field(2, field(1, 2)))
seeds = {
    "metrics": [b"\0a,step\n1,0\n,1\n", b"\1" + b'{"t":1,"step":2,"m":{"a":"NaN","b":1e3}}\n{"hparams":{}}\n{"t', b"\2" + event,
                b"\2" + field(7, field(1, 1)), b"\3" + row,
                b'\4metrics","count":1,"entries":[{"key":"a","value":"NaN","timestamp":1,"step":0}]\nstatus","status":"RUNNING","time":1'],
    "wandb": [wandb_log((1, row), (1, field(1, 4) + field(18, field(1, 1)))), wandb_log((2, row[:5]), (3, row[5:9]), (4, row[9:])),
              wandb_log((1, row))[:-3], row],
    "npy": arrays,
    "npz": [npz(zipfile.ZIP_STORED, x=arrays[0], y=arrays[1]), npz(zipfile.ZIP_DEFLATED, x=arrays[2]),
            npz(zipfile.ZIP_STORED, True, z=arrays[3])],
    "idx": [idx(8, [2, 3], bytes(range(6))), idx(13, [2], bytes(8)), gzip.compress(idx(11, [2, 1], bytes(4)), mtime=0)],
    "csv": tables,
    "journal": [
        b'\1run","version":1,"key":"k","server":"http://u:p@h:1/x","experiment":"e","start_time":1,"tags":[{"key":"a","value":"b"}]',
        b'\1metrics","count":2,"entries":[{"key":"a","value":0.5,"timestamp":1,"step":0},{"key":"b","value":"NaN","timestamp":1,"step":0}]\n'
        b'params","count":1,"entries":[{"key":"p","value":"v"}]\nartifact","path":"a","file":"b"\nstatus","status":"RUNNING","time":1',
        b'\0{"crc":"00000000","seq":0,"op":"run"}\n'],
    "pickle": pickles,
    "ckpt": [ckpt(pickle, _8=bytes(8)) for pickle in pickles],
    "safetensors": [
        safetensors(bytes(8), w={"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}),
        safetensors(b"\1\2\3", __metadata__={"format": "pt"}, a={"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]},
                    b={"dtype": "F8_E4M3", "shape": [0], "data_offsets": [3, 3]})],
    # The records of b"abc" and b"", by TensorBoard's own writer.
    "tfrecord": [bytes.fromhex("0300000000000000b099490e6162636e57f121"),
                 bytes.fromhex("0300000000000000b099490e6162636e57f121000000000000000029039807d8ea82a2")],
}
folder = pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
for number, data in enumerate(seeds[sys.argv[1]] + corpus.read(sys.argv[1])):
    (folder / str(number)).write_bytes(data)
