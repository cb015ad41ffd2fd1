#!/usr/bin/env python3
"""Tests deploy/torch_weights.py: what a weights file may ask for, and what it may not."""

import os
import pathlib
import pickle
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy"))
import torch_weights  # noqa: E402


class Attack:
    def __reduce__(self):
        return os.mkdir, ("made-by-the-attack",)


def read(*pickled, rest=b""):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(pickle.dumps(part, protocol=2) for part in pickled) + rest)
        file.flush()
        return torch_weights.read_state_dictionary(file.name)


class TorchWeightsTest(unittest.TestCase):
    def test_code_in_the_file_is_refused_and_does_not_run(self):
        with self.assertRaisesRegex(pickle.UnpicklingError, "mkdir"):
            read(torch_weights.MAGIC, torch_weights.PROTOCOL, {}, Attack())
        self.assertFalse(os.path.exists("made-by-the-attack"))

    def test_another_format_is_refused(self):
        with self.assertRaisesRegex(ValueError, "old format"):
            read(1, 2, {})

    def test_no_tensors(self):
        self.assertEqual(read(torch_weights.MAGIC, torch_weights.PROTOCOL, {}, {}, []), {})

    def test_view_outside_of_its_storage_is_refused(self):
        elements = torch_weights.np.zeros(4, "<f4")
        for offset, shape, strides in ((0, (5,), (1,)), (4, (1,), (1,)), (-1, (1,), (1,)), (0, (2, 2), (4, 1))):
            with self.subTest(shape=shape), self.assertRaisesRegex(ValueError, "outside"):
                torch_weights._Tensor(None, offset, shape, strides).array(elements)
        self.assertEqual(torch_weights._Tensor(None, 0, (2, 2), (2, 1)).array(elements).shape, (2, 2))


if __name__ == "__main__":
    unittest.main()
