"""The network: convolutions in time, CTC outputs every 30 ms. Two-dimensional
convolutions of height one, channels last: two and a half times as fast on a
processor as the same in one dimension."""
import torch
from torch import nn

from features import CLASSES, MELS


def conv(a, b, kernel, groups=1, stride=1, dilation=1):
    return nn.Conv2d(a, b, (1, kernel), stride=(1, stride), padding=(0, dilation * (kernel // 2)), dilation=(1, dilation), groups=groups, bias=False)


class Block(nn.Module):
    def __init__(self, width, kernel, dilation):
        super().__init__()
        self.body = nn.Sequential(conv(width, width, kernel, width, 1, dilation), nn.BatchNorm2d(width), nn.ReLU(),
                                  conv(width, width, 1), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Net(nn.Module):
    """[b, t, 40] log-mel -> [b, t/3, 23] log-probabilities."""

    def __init__(self, width=128):
        super().__init__()
        self.args = {"width": width}
        layers = [conv(MELS, width, 5, stride=3), nn.BatchNorm2d(width), nn.ReLU()]
        for k, d in zip((7, 7, 7, 7, 7, 5), (1, 1, 2, 1, 2, 3)):
            layers.append(Block(width, k, d))
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, len(CLASSES), 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        x = x.transpose(1, 2).unsqueeze(2)
        if self.training:
            x = x.contiguous(memory_format=torch.channels_last)
        return torch.log_softmax(self.head(self.body(x)).squeeze(2).transpose(1, 2), 2)


def save(net, path):
    torch.save({"args": net.args, "weights": net.state_dict()}, path)


def load(path):
    d = torch.load(path, map_location="cpu")
    net = Net(**d["args"])
    net.load_state_dict(d["weights"])
    return net.eval()


def warp(factor):
    """40 × 40: the mel axis read at factor times its places, as another vocal tract has it."""
    src = torch.clamp(torch.arange(MELS) * factor, 0, MELS - 1)
    lo = src.long().clamp(max=MELS - 2)
    w = torch.zeros(MELS, MELS)
    w[lo, torch.arange(MELS)] += 1 - (src - lo)
    w[lo + 1, torch.arange(MELS)] += src - lo
    return w


class Together(nn.Module):
    """The mean of several networks' probabilities, each hearing several vocal tracts."""

    def __init__(self, nets, factors):
        super().__init__()
        self.nets = nn.ModuleList(nets)
        for i, f in enumerate(factors):
            self.register_buffer("warp%d" % i, warp(f))
        self.count = len(factors)

    def forward(self, x):
        x = torch.cat([x @ getattr(self, "warp%d" % i) for i in range(self.count)])
        return torch.log(sum(torch.exp(net(x)).mean(0, keepdim=True) for net in self.nets) / len(self.nets) + 1e-10)


# Trained on much that is no digit, a network says nothing where it is in doubt about
# a voice: this much is taken off the blank's logit. Chosen on the voices of fold f1
# (README.md): less, and digits are not counted; more, and other speech is read.
BLANK = 2.0


def load_all(paths, factors=(1.0,)):
    """What answers: one network, or several together; paths are joined by commas."""
    nets = [load(p) for p in paths.split(",")]
    for net in nets:
        net.head.bias.data[0] -= BLANK
    return nets[0] if len(nets) == 1 and tuple(factors) == (1.0,) else Together(nets, factors).eval()
