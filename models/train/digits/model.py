"""The network: convolutions in time, CTC outputs every 30 ms."""
import torch
from torch import nn

from features import CLASSES, MELS


class Block(nn.Module):
    def __init__(self, width, kernel, dilation, drop):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=width, bias=False),
            nn.BatchNorm1d(width), nn.ReLU(), nn.Conv1d(width, width, 1, bias=False), nn.BatchNorm1d(width), nn.Dropout(drop))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Net(nn.Module):
    """[b, t, 40] log-mel -> [b, t/3, 23] log-probabilities."""

    def __init__(self, width=112, drop=0.1):
        super().__init__()
        self.args = {"width": width, "drop": drop}
        layers = [nn.Conv1d(MELS, width, 5, stride=3, padding=2, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        for k, d in zip((7, 7, 7, 7, 7, 5), (1, 1, 2, 1, 2, 3)):
            layers.append(Block(width, k, d, drop))
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv1d(width, len(CLASSES), 1)

    def forward(self, x):
        return torch.log_softmax(self.head(self.body(x.transpose(1, 2))).transpose(1, 2), 2)


def save(net, path):
    torch.save({"args": net.args, "weights": net.state_dict()}, path)


def load(path):
    d = torch.load(path, map_location="cpu")
    net = Net(**d["args"])
    net.load_state_dict(d["weights"])
    return net.eval()
