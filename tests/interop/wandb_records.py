"""The records of a log of W&B, as its own messages."""
import json, struct, zlib

from google.protobuf import descriptor, unknown_fields
from wandb.proto import wandb_internal_pb2 as pb


def records(data):
    """The records of a log as far as they are whole, read by nothing of ours."""
    assert data[:7] == b":W&B\xe1\xbe\x00", data[:7]
    at, parts, found = 7, b"", []
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        if len(data) - at < 7:
            break
        checksum, size, kind = struct.unpack("<IHB", data[at:at + 7])
        chunk = data[at + 7:at + 7 + size]
        if len(chunk) < size or zlib.crc32(bytes([kind]) + chunk) != checksum:
            break
        parts = chunk if kind in (1, 2) else parts + chunk
        if kind in (1, 4):
            found.append(parts)
        at += 7 + size
    return found


def parsed(raw):
    message = pb.Record()
    message.ParseFromString(raw)
    check_known(message)
    return message


def check_known(message):
    """No field that W&B doesn't know: one of another type would be among those."""
    assert len(unknown_fields.UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.type == descriptor.FieldDescriptor.TYPE_MESSAGE and not (
                field.message_type.GetOptions().map_entry):
            for part in ([value] if hasattr(value, "ListFields") else value):
                check_known(part)


def kinds(messages):
    return [message.WhichOneof("record_type") for message in messages]


def items(part):
    return {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in part}
