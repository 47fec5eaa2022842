"""Writes state dicts of MiniFASNet with random weights, and what PyTorch makes of
one picture: python3 fasnet.py v2|v1se FOLDER. FOLDER/in is 3x80x80 float32."""
import sys

import numpy
import torch
from torch import nn

WIDTHS = {
    "v2": [13, 13, 13, 13, 231, 231, 52, 26, 77, 26, 26, 308, 26, 26],
    "v1se": [13, 26, 13, 52, 231, 154, 52, 26, 52, 26, 26, 308, 26, 26],
}


class Conv(nn.Module):
    def __init__(self, i, o, k, stride=1, pad=0, groups=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, stride, pad, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(o)
        if act:
            self.prelu = nn.PReLU(o)
        self.act = act

    def forward(self, x):
        x = self.bn(self.conv(x))
        return self.prelu(x) if self.act else x


class Weigh(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.bn1 = nn.Conv2d(c, c // 4, 1, bias=False), nn.BatchNorm2d(c // 4)
        self.fc2, self.bn2 = nn.Conv2d(c // 4, c, 1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        y = x.mean((2, 3), keepdim=True)
        y = torch.relu(self.bn1(self.fc1(y)))
        return x * torch.sigmoid(self.bn2(self.fc2(y)))


class Block(nn.Module):
    def __init__(self, i, wide, o, stride, add, se):
        super().__init__()
        self.conv = Conv(i, wide, 1)
        self.conv_dw = Conv(wide, wide, 3, stride, 1, wide)
        self.project = Conv(wide, o, 1, act=False)
        if se:
            self.se_module = Weigh(o)
        self.add, self.se = add, se

    def forward(self, x):
        y = self.project(self.conv_dw(self.conv(x)))
        if self.se:
            y = self.se_module(y)
        return x + y if self.add else y


class Stage(nn.Module):
    def __init__(self, c, widths, se):
        super().__init__()
        last = len(widths) - 1
        self.model = nn.Sequential(*[Block(c, w, c, 1, True, se and i == last) for i, w in enumerate(widths)])

    def forward(self, x):
        return self.model(x)


class Net(nn.Module):
    def __init__(self, w, se):
        super().__init__()
        self.conv1 = Conv(3, 32, 3, 2, 1)
        self.conv2_dw = Conv(32, 32, 3, 1, 1, 32)
        self.conv_23 = Block(32, 103, 64, 2, False, False)
        self.conv_3 = Stage(64, w[:4], se)
        self.conv_34 = Block(64, w[4], 128, 2, False, False)
        self.conv_4 = Stage(128, w[5:11], se)
        self.conv_45 = Block(128, w[11], 128, 2, False, False)
        self.conv_5 = Stage(128, w[12:], se)
        self.conv_6_sep = Conv(128, 512, 1)
        self.conv_6_dw = Conv(512, 512, 5, groups=512, act=False)
        self.linear = nn.Linear(512, 128, bias=False)
        self.bn = nn.BatchNorm1d(128)
        self.prob = nn.Linear(128, 3, bias=False)

    def forward(self, x):
        x = self.conv_23(self.conv2_dw(self.conv1(x)))
        x = self.conv_45(self.conv_4(self.conv_34(self.conv_3(x))))
        x = self.conv_6_dw(self.conv_6_sep(self.conv_5(x)))
        return torch.softmax(self.prob(self.bn(self.linear(x.flatten(1)))), 1)


name, folder = sys.argv[1:]
torch.manual_seed(5)
net = Net(WIDTHS[name], name == "v1se")
for m in net.modules():
    if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
        m.weight.data.uniform_(0.5, 1.5)
        m.bias.data.uniform_(-0.3, 0.3)
        m.running_mean.uniform_(-0.3, 0.3)
        m.running_var.uniform_(0.2, 2)
    if isinstance(m, nn.PReLU):
        m.weight.data.uniform_(0, 0.5)
net.eval()
x = torch.from_numpy(numpy.fromfile(folder + "/in", numpy.float32)).view(1, 3, 80, 80)
with torch.no_grad():
    net(x).numpy().tofile(folder + "/out")
state = nn.DataParallel(net).state_dict()
torch.save(state, folder + "/legacy.pth", _use_new_zipfile_serialization=False)
torch.save(state, folder + "/zip.pth")
