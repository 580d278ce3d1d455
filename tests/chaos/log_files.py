"""What loggers have written, read by nothing of theirs: each function yields (step, name, value) in the order of the files.

A last record that was being written is left aside; anything else that is wrong is an error.
"""
import csv, json, struct, zlib


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        yield n


TABLE = list(crc_table())


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    """Of a TFRecord file."""
    at = 0
    while len(data) - at >= 12:
        size, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked_crc(data[at:at + 8]), f"a length at {at} is wrong"
        if len(data) - at < 16 + size:
            return
        content = data[at + 12:at + 12 + size]
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked_crc(content), f"a record at {at} is wrong"
        yield content
        at += 16 + size


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def fields(message):
    """Numbers and values of a protobuf message's fields; messages and texts are bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        kind, size = key & 7, {1: 8, 5: 4}.get(key & 7)
        if kind == 0:
            value, at = varint(message, at)
        else:
            if kind == 2:
                size, at = varint(message, at)
            value, at = message[at:at + size], at + size
        yield key >> 3, value


def tensorboard(folder):
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in records(path.read_bytes()):
            event = dict(fields(record))
            for _, value in fields(event.get(5, b"")):
                value = dict(fields(value))
                if 2 in value:
                    yield event.get(2, 0), value[1].decode(), struct.unpack("<f", value[2])[0]


def csv_file(folder):
    path = folder / "metrics.csv"
    text = path.read_text() if path.exists() else ""
    for row in csv.DictReader(text[:text.rfind("\n") + 1].splitlines()):
        step = int(row.pop("step"))
        yield from ((step, name, float(value)) for name, value in row.items() if value)


def jsonl(folder):
    path = folder / "metrics.jsonl"
    for line in path.open() if path.exists() else []:
        row = json.loads(line) if line.endswith("\n") else {}
        for name, value in row.get("m", {}).items():
            yield row["step"], name, value


def wandb_records(data):
    """Of a log of W&B: chunks in blocks of 32768 bytes."""
    assert data[:7] == b":W&B\xe1\xbe\0"[:len(data)], data[:7]
    at, parts = 7, b""
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        if len(data) - at < 7:
            return
        crc, size, kind = struct.unpack_from("<IHB", data, at)
        content = data[at + 7:at + 7 + size]
        if len(content) < size:
            return
        assert crc == zlib.crc32(data[at + 6:at + 7 + size]), f"a chunk at {at} is wrong"
        parts = content if kind in (1, 2) else parts + content
        if kind in (1, 4):
            yield parts
        at += 7 + size


def wandb(folder):
    """The run's last log: one that began before the first checkpoint isn't gone on with."""
    path = next(iter((folder / "wandb" / "latest-run").glob("run-*.wandb")), None)
    for record in wandb_records(path.read_bytes()) if path else []:
        row = {}
        for number, item in fields(dict(fields(record)).get(2, b"")):  # a row of the history
            if number == 1:
                keys = b".".join(value for tag, value in fields(item) if tag in (1, 2)).decode()
                row[keys] = next(value for tag, value in fields(item) if tag == 16)
        for name, value in row.items():
            if not name.startswith("_") and "." not in name and name != "trainer/global_step":
                yield int(row["trainer/global_step"]), name, float(value)


def mlflow(folder):
    path = folder / "mlflow.jsonl"
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
        assert int(line[8:16], 16) == zlib.crc32(line[16:-1]), f"a line is wrong: {line}"
        for entry in json.loads(line).get("entries", []):
            if "step" in entry:
                yield int(entry["step"]), entry["key"], float(entry["value"])


READERS = {"mlflow": mlflow, "tensorboard": tensorboard, "csv": csv_file, "jsonl": jsonl, "wandb": wandb}
