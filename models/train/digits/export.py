"""Writes the trained network as ONNX, batch normalisation folded in, and compares.

usage: export.py MODEL.pt[,MODEL.pt] OUT.onnx [WARPS]"""
import sys

import numpy as np
import onnx
import torch

from model import load_all


def main(path, out, warps="1"):
    net = load_all(path, [float(f) for f in warps.split(",")])
    torch.manual_seed(1)
    x = torch.randn(1, 301, 40)
    torch.onnx.export(net, x, out, opset_version=13, input_names=["logmel"], output_names=["logp"], do_constant_folding=True,
                      dynamic_axes={"logmel": {1: "t"}, "logp": {1: "u"}})
    m = onnx.load(out)
    m.producer_name, m.producer_version, m.doc_string = "faceproof models/train/digits", "", ""
    for n in m.graph.node:
        n.doc_string = ""
    onnx.checker.check_model(m)
    onnx.save(m, out)
    print(out, sum(p.numel() for p in net.parameters()), "parameters", [n.op_type for n in m.graph.node].count("BatchNormalization"), "unfolded")


if __name__ == "__main__":
    main(*sys.argv[1:])
