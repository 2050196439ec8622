"""The tagger's weights, eight bits wide instead of four: two to four times as fast on a CPU.

The published model keeps its matrices in blocks of four-bit numbers (ONNX operator MatMulNBits),
which the CPU unpacks again for every text. Here they are rounded once more, to eight bits with one
scale for each column, for the operator DynamicQuantizeMatMul, which processors do directly.

An ONNX file is a protocol buffer. Only its outermost fields are touched, by their numbers in
onnx.proto (ONNX IR version 3 and later); all else is copied as it is. Anything unexpected raises.
"""

from collections.abc import Iterator
from typing import Any, Final

# ModelProto
_GRAPH: Final = 7
# GraphProto
_NODE, _INITIALIZER = 1, 5
# NodeProto
_INPUT, _OUTPUT, _NAME, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 3, 4, 5, 7
# AttributeProto
_ATTRIBUTE_NAME, _INTEGER = 1, 3
# TensorProto
_DIMENSION, _TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9
_FLOAT, _INT8 = 1, 3

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_MIDDLE: Final = 8
_BITS: Final = 4
_LARGEST: Final = 127

Field = tuple[int, Any, bytes]


def widen(model: bytes) -> bytes:
    """The ONNX model with every MatMulNBits made a DynamicQuantizeMatMul.

    Raises:
        ValueError: It is no such model.
    """
    fields = list(_fields(model))
    if not any(number == _GRAPH for number, _, _ in fields):
        raise ValueError("no graph, so no four-bit matrix either")
    return b"".join(
        _field(_GRAPH, _widen_graph(value)) if number == _GRAPH else raw
        for number, value, raw in fields
    )


def _widen_graph(graph: bytes) -> bytes:
    fields = list(_fields(graph))
    tensors = {
        _first(value, _TENSOR_NAME): value for number, value, _ in fields if number == _INITIALIZER
    }
    narrow = [
        value
        for number, value, _ in fields
        if number == _NODE and _first(value, _OPERATOR) == b"MatMulNBits"
    ]
    if not narrow:
        raise ValueError("no four-bit matrix in the model")
    replaced = {name for node in narrow for name in _all(node, _INPUT)[1:]}
    written: list[bytes] = []
    for number, value, raw in fields:
        if number == _NODE and value in narrow:
            written += _widen_node(value, [tensors[name] for name in _all(value, _INPUT)[1:]])
        elif number != _INITIALIZER or _first(value, _TENSOR_NAME) not in replaced:
            written.append(raw)
    return b"".join(written)


def _widen_node(node: bytes, tensors: list[bytes]) -> list[bytes]:
    """The node that takes its place, and that node's three tensors."""
    import numpy as np

    size = {
        _first(entry, _ATTRIBUTE_NAME): _first(entry, _INTEGER) for entry in _all(node, _ATTRIBUTE)
    }
    if size[b"bits"] != _BITS:
        raise ValueError("a matrix is not of four bits")
    matrix = _unpack(tensors, size[b"K"], size[b"N"], size[b"block_size"])
    scales = np.maximum(np.abs(matrix).max(axis=1), np.finfo(np.float32).tiny) / _LARGEST
    rounded = np.rint(matrix / scales[:, None]).astype(np.int8).T
    name = _first(node, _OUTPUT)
    own = [name + ending for ending in (b".eight-bit", b".scales", b".zeros")]
    inputs = [_first(node, _INPUT), *own]
    new = b"".join(
        [
            *(_field(_INPUT, one) for one in inputs),
            _field(_OUTPUT, name),
            _field(_NAME, name + b".eight-bit"),
            _field(_OPERATOR, b"DynamicQuantizeMatMul"),
            _field(_DOMAIN, b"com.microsoft"),
        ]
    )
    arrays = (rounded, scales.astype(np.float32), np.zeros(len(scales), np.int8))
    held = [_tensor(one, array) for one, array in zip(own, arrays, strict=True)]
    return [_field(_NODE, new), *(_field(_INITIALIZER, one) for one in held)]


def _unpack(tensors: list[bytes], rows: int, columns: int, block: int) -> Any:
    """The matrix that MatMulNBits means: (columns, rows) float32.

    Source: onnxruntime, ContribOperators.md, "com.microsoft.MatMulNBits".
    """
    import numpy as np

    packed, scales, *zeros = (_first(tensor, _RAW) for tensor in tensors)
    blocks = -(-rows // block)
    numbers = _halves(np.frombuffer(packed, np.uint8).reshape(columns, -1))
    scale = np.frombuffer(scales, np.float32).reshape(columns, blocks)
    middle = np.full((columns, blocks), _MIDDLE, np.float32)
    if zeros:
        middle = _halves(np.frombuffer(zeros[0], np.uint8).reshape(columns, -1))[:, :blocks]
    wide = (np.repeat(each, block, axis=1)[:, :rows] for each in (middle, scale))
    return (numbers[:, :rows] - next(wide)) * next(wide)


def _halves(packed: Any) -> Any:
    """Two numbers of four bits from each byte, the lower half first; float32."""
    import numpy as np

    return np.stack((packed & 15, packed >> 4), axis=-1).reshape(len(packed), -1).astype(np.float32)


def _tensor(name: bytes, array: Any) -> bytes:
    kind = _INT8 if array.dtype.itemsize == 1 else _FLOAT
    dimensions = b"".join(_varint(_DIMENSION << 3) + _varint(size) for size in array.shape)
    head = dimensions + _varint(_TYPE << 3) + _varint(kind)
    return head + _field(_TENSOR_NAME, name) + _field(_RAW, array.tobytes())


def _fields(message: bytes) -> Iterator[Field]:
    """(number, value, the field's own bytes) of each field; bytes or int values.

    Source: Protocol Buffers, "Encoding".
    """
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        value: Any
        if key & 7 == _VARINT:
            value, at = _read_varint(message, at)
        else:
            length = _FIXED_SIZES.get(key & 7)
            if length is None:
                length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
        yield key >> 3, value, message[start:at]


def _all(message: bytes, wanted: int) -> list[Any]:
    return [value for number, value, _ in _fields(message) if number == wanted]


def _first(message: bytes, wanted: int) -> Any:
    return next((value for number, value, _ in _fields(message) if number == wanted), b"")


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits a byte
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the last byte has no high bit
            return number, at
