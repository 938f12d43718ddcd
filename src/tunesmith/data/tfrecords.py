"""TFRecord files of tf.train.Example messages, which programs written for TensorFlow read.

A file is a row of records: the length of the data (8 bytes, least first), a checksum of these (4), the data,
and a checksum of the data (4). Checksums are CRC-32C, turned and shifted so that data which holds checksums
itself is guarded too.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google_crc32c import value as crc32c

from tunesmith.data.errors import DatasetError

Feature = bytes | int | Sequence[bytes] | Sequence[int] | Sequence[float]
"""Bytes, whole numbers or fractions; one alone, or several in a list."""

_SHIFT = 0xA282EAD8
_BITS = 32
_HEAD, _FOOT = struct.Struct("<QI"), struct.Struct("<I")


def write_record(file: IO[bytes], data: bytes) -> None:
    """Append a record."""
    length = struct.pack("<Q", len(data))
    file.write(length + _FOOT.pack(_checksum(length)) + data + _FOOT.pack(_checksum(data)))


def read_records(path: Path) -> Iterator[bytes]:
    """The data of each record.

    Raises:
        DatasetError: a record is damaged, or the file ends within one.
    """
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            whole = len(head) == _HEAD.size
            length, checksum = _HEAD.unpack(head) if whole else (0, 0)
            if not whole or checksum != _checksum(head[:8]):
                raise _damaged(path)
            data, foot = file.read(length), file.read(_FOOT.size)
            if len(data) < length or foot != _FOOT.pack(_checksum(data)):
                raise _damaged(path)
            yield data


def encode_example(features: Mapping[str, Feature], fractions: Sequence[str] = ()) -> bytes:
    """A tf.train.Example. `fractions` names the features whose numbers are fractions."""
    example = _message("Example")()
    for name, value in features.items():
        listed = [value] if isinstance(value, bytes | int) else list(value)
        feature = example.features.feature[name]
        if name in fractions:
            feature.float_list.value.extend(listed)
        elif listed and isinstance(listed[0], bytes):
            feature.bytes_list.value.extend(listed)
        else:
            feature.int64_list.value.extend(listed)
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def decode_example(data: bytes) -> dict[str, list[Any]]:
    """The features of a tf.train.Example, each as a list."""
    example = _message("Example").FromString(data)
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else []
    return found


def _checksum(data: bytes) -> int:
    found = int(crc32c(data))
    return (((found >> 15) | (found << (_BITS - 15))) + _SHIFT) % (1 << _BITS)


def _damaged(path: Path) -> DatasetError:
    return DatasetError(f"{path.name} is damaged: a record does not have the checksum that it tells.")


@cache
def _message(name: str) -> Any:
    """A message of tensorflow/core/example/example.proto, in a pool beside that of TensorFlow itself."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_proto())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorflow.{name}"))


def _proto() -> Any:
    kinds: Any = descriptor_pb2.FieldDescriptorProto
    file: Any = descriptor_pb2.FileDescriptorProto(
        name="tunesmith/example.proto", package="tensorflow", syntax="proto3"
    )
    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("Bytes", "Float", "Int64"), start=1):
        feature.field.add(
            name=f"{kind.lower()}_list",
            number=number,
            type=kinds.TYPE_MESSAGE,
            type_name=f".tensorflow.{kind}List",
            label=kinds.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=kinds.TYPE_MESSAGE,
        type_name=".tensorflow.Feature",
        label=kinds.LABEL_OPTIONAL,
    )
    features.field.add(
        name="feature",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".tensorflow.Features.FeatureEntry",
        label=kinds.LABEL_REPEATED,
    )
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".tensorflow.Features",
        label=kinds.LABEL_OPTIONAL,
    )
    return file
