"""Reads the weights in a PyTorch file of the old format (before 1.6) without PyTorch.

The file is five pickles - a magic number, the format's version, facts about the system that wrote it, the state
dictionary, the list of storage keys - followed by every storage in the order of that list: a 64-bit count of elements,
then the elements, all little-endian.

A pickle may call any function it names. This reader lets it name the three that a state dictionary needs and refuses
everything else, so a tampered file ends in an error, not in running its code.
"""

import collections
import pickle

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ELEMENT_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensor:
    """A view on a storage whose elements come later in the file."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self, elements):
        step = elements.itemsize
        needed = self.offset + 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides))
        if min((self.offset, *self.shape, *self.strides), default=0) < 0 or needed > len(elements):
            raise ValueError("a tensor reaches outside of its storage")
        return np.lib.stride_tricks.as_strided(
            elements[self.offset:], self.shape, [s * step for s in self.strides]).copy()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in ELEMENT_TYPES:
            return name
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which no state dictionary needs")

    def persistent_load(self, storage):
        kind, element_type, key = storage[:3]
        if kind != "storage":
            raise pickle.UnpicklingError(f"the file refers to a {kind!r}, expected a storage")
        return element_type, key


def read_state_dictionary(path):
    """Returns {parameter name: numpy array}, in the file's order. Raises ValueError or UnpicklingError."""
    with open(path, "rb") as file:
        magic, protocol, _ = (_Unpickler(file).load() for _ in range(3))
        if magic != MAGIC or protocol != PROTOCOL:
            raise ValueError(f"{path}: not a PyTorch file of the old format")
        tensors = _Unpickler(file).load()
        keys = _Unpickler(file).load()
        types = {tensor.storage[1]: ELEMENT_TYPES[tensor.storage[0]] for tensor in tensors.values()}
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            data = file.read(count * types[key].itemsize)
            if len(data) != count * types[key].itemsize:
                raise ValueError(f"{path}: ends in the middle of storage {key}")
            storages[key] = np.frombuffer(data, types[key])
    return {name: tensor.array(storages[tensor.storage[1]]) for name, tensor in tensors.items()}
