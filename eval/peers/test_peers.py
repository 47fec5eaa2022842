"""python3 -m unittest discover -s eval/peers — needs neither OpenCV nor the models."""
import random
import struct
import unittest

import oldclip
import pairs
import report


def tensor(name, value):
    return oldclip.block(oldclip.RAW, struct.pack("<f", value)) + oldclip.block(oldclip.TENSOR_NAME, name)


def node(op, inputs, output):
    return b"".join(oldclip.block(oldclip.INPUT, i) for i in inputs) + oldclip.block(oldclip.OUTPUT, output) + oldclip.block(oldclip.OP, op)


def model(nodes, tensors=()):
    graph = b"".join(oldclip.block(oldclip.NODE, n) for n in nodes) + b"".join(oldclip.block(oldclip.INITIALIZER, t) for t in tensors)
    return b"\x08\x07" + oldclip.block(oldclip.GRAPH, graph)


def clips(data):
    """Inputs and float attributes of every Clip node."""
    out = []
    for number, _, graph, _ in oldclip.fields(data):
        for n, _, body, _ in oldclip.fields(graph) if number == oldclip.GRAPH else ():
            parts = list(oldclip.fields(body)) if n == oldclip.NODE else []
            if any(k == oldclip.OP and v == b"Clip" for k, _, v, _ in parts):
                attributes = [{k: v for k, _, v, _ in oldclip.fields(a)} for m, _, a, _ in parts if m == oldclip.ATTRIBUTE]
                out.append(([v for k, _, v, _ in parts if k == oldclip.INPUT], {a[1]: struct.unpack("<f", a[2])[0] for a in attributes}))
    return out


class OldClip(unittest.TestCase):
    def setUp(self):
        constant = node(b"Constant", [], b"six") + oldclip.block(oldclip.ATTRIBUTE, oldclip.block(1, b"value") + oldclip.block(5, tensor(b"", 6)))
        self.model = model([constant, node(b"Clip", [b"x", b"zero", b"six"], b"y"), node(b"Relu", [b"y"], b"z")], [tensor(b"zero", -1)])

    def test_bounds(self):
        done = oldclip.rewrite(self.model)
        self.assertEqual(clips(done), [([b"x"], {b"min": -1.0, b"max": 6.0})])
        self.assertEqual(oldclip.rewrite(done), done)

    def test_nothing_else(self):
        other = model([node(b"Relu", [b"x"], b"y")], [tensor(b"zero", 0)])
        self.assertEqual(oldclip.rewrite(other), other)

    def test_cut_off(self):
        for at in range(3, len(self.model)):
            with self.assertRaises(ValueError):
                oldclip.rewrite(self.model[:at])

    def test_noise(self):
        draw = random.Random(1)
        for _ in range(2000):
            data = bytearray(self.model)
            data[draw.randrange(len(data))] = draw.randrange(256)
            try:
                oldclip.rewrite(bytes(data))
            except (ValueError, KeyError, IndexError, StopIteration, TypeError, struct.error):
                pass


class Numbers(unittest.TestCase):
    def test_auc(self):
        self.assertEqual(pairs.auc([2, 3], [0, 1]), 1)
        self.assertEqual(pairs.auc([1, 1], [1, 1]), 0.5)

    def test_wilson(self):
        self.assertEqual(pairs.wilson(0, 245), [0, 0.0154])
        self.assertEqual(pairs.wilson(1, 31), [0.0057, 0.1619])

    def test_score(self):
        s = pairs.score([-0.5, -0.7], [-0.55, -0.9], -0.6, 0)
        self.assertEqual((s["fnm"], s["fm"], s["auc"], s["best_accuracy"]), (1, 1, 0.75, 0.75))

    def test_spread(self):
        self.assertEqual(report.spread([3, 1, 2]), {"median": 2, "least": 1, "most": 3})


if __name__ == "__main__":
    unittest.main()
