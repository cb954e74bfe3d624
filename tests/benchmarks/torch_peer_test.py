"""torch_peer.py's way through a GPU's memory, with a stand-in for PyTorch."""

import importlib.util
import pathlib
import sys
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def stand_in():
    """What torch_peer.py uses of torch while it is loaded, and memory that can be too small."""
    torch, nn = types.ModuleType("torch"), types.ModuleType("torch.nn")
    nn.Module = object
    nn.functional = types.ModuleType("torch.nn.functional")
    torch.nn = nn
    torch.no_grad = lambda: lambda function: function
    torch.cuda = types.SimpleNamespace(OutOfMemoryError=type("OutOfMemoryError", (Exception,), {}),
                                       empty_cache=mock.Mock())
    return {"torch": torch, "torch.nn": nn, "torch.nn.functional": nn.functional,
            "transformers": None}


class Portions(unittest.TestCase):

    def setUp(self):
        self.modules = stand_in()
        spec = importlib.util.spec_from_file_location(
            "torch_peer", ROOT / "benchmarks/peers/torch_peer.py")
        self.peer = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, self.modules):
            spec.loader.exec_module(self.peer)

    def run_with(self, portions, total, fits):
        """The slices that were worked on where as many as `fits` go into the memory."""
        done = []

        def work(part):
            if part.stop - part.start > fits:
                raise self.modules["torch"].cuda.OutOfMemoryError(str(part))
            done.append((part.start, part.stop))

        portions.run(total, work)
        return done

    def test_all_of_it_in_portions(self):
        self.assertEqual(self.run_with(self.peer.Portions(4), 10, 99), [(0, 4), (4, 8), (8, 10)])
        self.assertEqual(self.run_with(self.peer.Portions(64), 10, 99), [(0, 10)])

    def test_halves_until_it_fits_and_stays_there(self):
        portions = self.peer.Portions(64)
        halves = [(0, 3), (3, 6), (6, 8)]
        self.assertEqual(self.run_with(self.peer.Portions(6), 8, 3), halves)
        self.assertEqual(self.run_with(portions, 8, 2), [(0, 2), (2, 4), (4, 6), (6, 8)])
        self.assertEqual(portions.at_once, 2)
        calls = self.modules["torch"].cuda.empty_cache.call_count
        self.assertEqual(len(self.run_with(portions, 8, 2)), 4)
        self.assertEqual(self.modules["torch"].cuda.empty_cache.call_count, calls)

    def test_gives_up_where_one_is_too_many(self):
        with self.assertRaises(self.modules["torch"].cuda.OutOfMemoryError):
            self.run_with(self.peer.Portions(4), 4, 0)


if __name__ == "__main__":
    unittest.main()
