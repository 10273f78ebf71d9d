"""Instances that go from file to file: migrated as a project, and run before and after.

Before runs under torch and after under MindSpore; what is not rewritten is reported, and then
nothing that it reaches has changed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import frameworks
import pytest
from test_reach import LABELS, ROWS

from migrate.model import Status
from migrate.pipeline import migrate_paths

#: Projects by file, each with a function `run(x, y)` in main.py.
TOGETHER = {
    "a global that is imported": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": (
            "from losses import criterion\ndef run(x, y): return criterion(input=x, target=y)\n"
        ),
    },
    "a global of a module": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": ("import losses as L\ndef run(x, y): return L.criterion(target=y, input=x)\n"),
    },
    "a global that a package hands on under another name": {
        "pkg/__init__.py": "from .losses import criterion as crit\n",
        "pkg/losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": "from pkg import crit\ndef run(x, y): return crit.forward(x, target=y)\n",
    },
    "a star": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.NLLLoss(None, False)\n",
        "main.py": "from losses import *\ndef run(x, y): return criterion(input=x, target=y)\n",
    },
    "a function that gives it": {
        "pkg/__init__.py": "",
        "pkg/make.py": "from torch.nn import NLLLoss\ndef make(): return NLLLoss(None, False)\n",
        "pkg/use.py": (
            "from .make import make\ndef go(x, y):\n    loss = make()\n"
            "    return loss(input=x, target=y)\n"
        ),
        "main.py": "from pkg.use import go\ndef run(x, y): return go(x, y)\n",
    },
    "a function that takes it": {
        "pkg/__init__.py": "",
        "pkg/use.py": "def go(loss, x, y): return loss(target=y, input=x)\n",
        "main.py": (
            "import torch.nn as nn\nfrom pkg.use import go\n"
            "def run(x, y): return go(nn.NLLLoss(), x, y)\n"
        ),
    },
    "a class that takes it": {
        "trainer.py": (
            "class Trainer:\n    def __init__(self, loss):\n        self.loss = loss\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\nfrom trainer import Trainer\n"
            "def run(x, y): return Trainer(loss=nn.CrossEntropyLoss()).go(x, y)\n"
        ),
    },
    "a field": {
        "box.py": (
            "from dataclasses import dataclass\n@dataclass\nclass Box:\n    loss: object\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\nfrom box import Box\n"
            "def run(x, y): return Box(nn.CrossEntropyLoss()).go(x, y)\n"
        ),
    },
    "an attribute of a base class": {
        "base.py": (
            "import torch.nn as nn\nclass Base:\n    def __init__(self):\n"
            "        self.loss = nn.CrossEntropyLoss()\n"
        ),
        "main.py": (
            "from base import Base\nclass Box(Base):\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "an attribute that a subclass sets": {
        "base.py": (
            "class Base:\n    loss = None\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\nfrom base import Base\nclass Box(Base):\n"
            "    def __init__(self):\n        self.loss = nn.CrossEntropyLoss()\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "a dict": {
        "losses.py": (
            "import torch.nn as nn\nLOSSES = {'ce': nn.CrossEntropyLoss(), 'nll': nn.NLLLoss()}\n"
        ),
        "main.py": (
            "from losses import LOSSES\n"
            "def run(x, y): return sum(f(input=x, target=y) for f in LOSSES.values())\n"
        ),
    },
    "modules that import each other": {
        "one.py": (
            "import torch.nn as nn\nimport two\nloss = nn.NLLLoss()\n"
            "def go(x, y): return two.call(x, y)\n"
        ),
        "two.py": "import one\ndef call(x, y): return one.loss(input=x, target=y)\n",
        "main.py": "import one\ndef run(x, y): return one.go(x, y)\n",
    },
    "a module that is imported by its name": {
        "losses.py": ("import torch.nn as nn\ncriterion = nn.NLLLoss()\n"),
        "main.py": (
            "import importlib\n"
            "losses = importlib.import_module('losses')\n"
            "def run(x, y): return losses.criterion.forward(x, y)\n"
        ),
    },
    "a module that another hands on": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "a.py": "import losses\n",
        "main.py": (
            "import a\ndef run(x, y):\n    c = a.losses.criterion\n"
            "    return c(input=x, target=y)\n"
        ),
    },
    "an attribute that a file without imports calls": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y):\n    loss = net.ce\n    return loss(x, y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute of a name that others set": {
        "box.py": (
            "import torch.nn as nn\nclass Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\nclass Args: pass\nargs = Args()\n"
            "setattr(args, 'losses', 1)\nprint(getattr(args, 'losses', None))\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "an attribute that an heir of an heir reads": {
        "base.py": (
            "import torch.nn as nn\nclass Base:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "mid.py": "from base import Base\nclass Mid(Base): pass\n",
        "main.py": (
            "from mid import Mid\n"
            "class Box(Mid):\n"
            "    def go(self, x, y):\n"
            "        loss = self.ce\n"
            "        return loss(input=x, target=y)\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "constructors in two files": {
        "use.py": "def go(loss, x, y): return loss(input=x, target=y)\n",
        "other.py": (
            "import torch.nn as nn\nfrom use import go\n"
            "def other(x, y): return go(nn.NLLLoss(), x, y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\nfrom use import go\nfrom other import other\n"
            "def run(x, y): return go(nn.CrossEntropyLoss(), x, y) + other(x, y)\n"
        ),
    },
}

#: Projects in which one constructor must be handed over.
APART = {
    "a call by keywords in an f-string": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.NLLLoss()\n",
        "main.py": (
            "import losses\ndef run(x, y): return float(f'{losses.criterion(input=x, target=y)}')\n"
        ),
    },
    "one by another name in an f-string": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.NLLLoss()\n",
        "main.py": (
            "from losses import criterion as c\n"
            "def run(x, y): return float(f'{c(input=x, target=y)}')\n"
        ),
    },
    "a global that another file moves": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": (
            "from losses import criterion\ncriterion.cpu()\ndef run(x, y): return criterion(x, y)\n"
        ),
    },
    "a function that others give something else": {
        "use.py": "def go(loss, x, y): return loss(target=y, input=x)\n",
        "main.py": (
            "import torch.nn as nn\nfrom use import go\n"
            "def mine(target, input): return input[0, 0] * 0\n"
            "def run(x, y): return go(nn.NLLLoss(), x, y) + go(mine, x, y)\n"
        ),
    },
    "a dict to which another file adds": {
        "losses.py": "import torch.nn as nn\nLOSSES = {'ce': nn.CrossEntropyLoss()}\n",
        "main.py": (
            "from losses import LOSSES\n"
            "def mine(target, input): return input[0, 0] * 0\n"
            "LOSSES['mine'] = mine\n"
            "def run(x, y): return sum(f(input=x, target=y) for f in LOSSES.values())\n"
        ),
    },
    "a call with side effects": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": (
            "from losses import criterion\n"
            "def run(x, y): return criterion(target=abs(y), input=abs(x))\n"
        ),
    },
    "a method that takes it": {
        "trainer.py": (
            "class Trainer:\n    def go(self, loss, x, y): return loss(input=x, target=y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\n"
            "from trainer import Trainer\n"
            "def run(x, y): return Trainer().go(nn.NLLLoss(), x, y)\n"
        ),
    },
    "a base class that is given it": {
        "base.py": (
            "class Base:\n"
            "    def __init__(self, loss): self.loss = loss\n"
            "    def go(self, x, y): return self.loss.forward(x, y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\n"
            "from base import Base\n"
            "class Box(Base):\n"
            "    def __init__(self): super().__init__(nn.NLLLoss())\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "a function of any arguments": {
        "use.py": (
            "def go(x, y, *losses): return sum(loss(input=x, target=y) for loss in losses)\n"
        ),
        "main.py": (
            "import torch.nn as nn\n"
            "from use import go\n"
            "def run(x, y): return go(x, y, nn.NLLLoss(), nn.NLLLoss())\n"
        ),
    },
    "an attribute of what no file imports": {
        "box.py": (
            "import torch.nn as nn\nclass Box:\n    def __init__(self): self.loss = nn.NLLLoss()\n"
        ),
        "use.py": ("def go(box, x, y): return box.loss.forward(x, y)\n"),
        "main.py": ("import box, use\ndef run(x, y): return use.go(box.Box(), x, y)\n"),
    },
    "a registry": {
        "registry.py": ("ALL = {}\ndef register(f):\n    ALL[f.__name__] = f\n    return f\n"),
        "losses.py": (
            "import torch.nn as nn\n"
            "from registry import register\n"
            "@register\n"
            "def nll(): return nn.NLLLoss()\n"
        ),
        "main.py": (
            "import losses\n"
            "from registry import ALL\n"
            "def run(x, y): return ALL['nll']()(input=x, target=y)\n"
        ),
    },
    "a dict of another file that is filled": {
        "registry.py": ("ALL = {}\n"),
        "use.py": ("from registry import ALL\ndef go(x, y): return ALL['nll'].forward(x, y)\n"),
        "main.py": (
            "import torch.nn as nn\n"
            "from registry import ALL\n"
            "from use import go\n"
            "ALL['nll'] = nn.NLLLoss()\n"
            "def run(x, y): return go(x, y)\n"
        ),
    },
    "a global of another file that is set": {
        "use.py": ("criterion = None\ndef go(x, y): return criterion(input=x, target=y)\n"),
        "main.py": (
            "import torch.nn as nn\n"
            "import use\n"
            "use.criterion = nn.NLLLoss()\n"
            "def run(x, y): return use.go(x, y)\n"
        ),
    },
    "a global that another file replaces": {
        "losses.py": (
            "import torch.nn as nn\n"
            "criterion = nn.NLLLoss()\n"
            "def go(x, y): return criterion(input=x, target=y)\n"
        ),
        "main.py": (
            "import losses\n"
            "losses.criterion = lambda *, input, target: 0\n"
            "def run(x, y): return losses.go(x, y)\n"
        ),
    },
    "an attribute that another file replaces": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\n"
            "def run(x, y):\n"
            "    box = Box()\n"
            "    box.loss = lambda *, input, target: 0\n"
            "    return box.go(x, y)\n"
        ),
    },
    "a list of torch's in another file": {
        "losses.py": ("import torch.nn as nn\nALL = nn.ModuleList([nn.Identity()])\n"),
        "main.py": (
            "import torch.nn as nn\n"
            "from losses import ALL\n"
            "ALL.append(nn.NLLLoss())\n"
            "def run(x, y): return ALL[1](x, y)\n"
        ),
    },
    "a list of torch's that a function in another file makes": {
        "lists.py": ("import torch.nn as nn\ndef listed(loss): return nn.ModuleList([loss])\n"),
        "main.py": (
            "import torch.nn as nn\n"
            "from lists import listed\n"
            "ALL = listed(nn.NLLLoss())\n"
            "def run(x, y): return ALL[0](x, y)\n"
        ),
    },
    "a list of torch's that another file uses as such": {
        "losses.py": ("import torch.nn as nn\nALL = nn.ModuleList([nn.NLLLoss()])\n"),
        "main.py": (
            "from losses import ALL\n"
            "def run(x, y): return ALL[0](x, y) * len(list(ALL.children()))\n"
        ),
    },
    "an attribute that a file without imports reads": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y):\n    loss = net.ce\n    return loss(input=x, target=y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute that a file without imports hands on": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "import go\ndef step(net, x, y): return go.go(net.ce, x, y)\n",
        "go.py": "def go(loss, x, y): return loss(input=x, target=y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute called with a dict of operands": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y):\n    return net.ce(**dict(input=x, target=y))\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute that a file without imports moves": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y): return net.ce.cpu()(x, y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute read by a name put together": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y): return getattr(net, 'c' + 'e')(input=x, target=y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute that another file sets by its name": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "def run(x, y):\n"
            "    box = Box()\n"
            "    setattr(box, 'loss', mine)\n"
            "    return box.go(x, y)\n"
        ),
    },
    "an attribute set by a name put together": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "def run(x, y):\n"
            "    box = Box()\n"
            "    setattr(box, 'lo' + 'ss', mine)\n"
            "    return box.go(x, y)\n"
        ),
    },
    "an attribute set in the table of attributes": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "def run(x, y):\n"
            "    box = Box()\n"
            "    vars(box).update(loss=mine)\n"
            "    return box.go(x, y)\n"
        ),
    },
    "an attribute that a test puts another in place of": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from box import Box\nfrom unittest.mock import patch\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "def run(x, y):\n"
            "    box = Box()\n"
            "    patch.object(box, 'loss', mine).start()\n"
            "    return box.go(x, y)\n"
        ),
    },
    "an attribute that a file without imports sets": {
        "box.py": (
            "import torch.nn as nn\n"
            "class Box:\n"
            "    def __init__(self): self.loss = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "patch.py": (
            "def mine(*, input, target): return input[0, 0] * 0\ndef patch(box): box.loss = mine\n"
        ),
        "main.py": (
            "import box, patch\n"
            "def run(x, y):\n"
            "    b = box.Box()\n"
            "    patch.patch(b)\n"
            "    return b.go(x, y)\n"
        ),
    },
    "a global set by its name": {
        "losses.py": (
            "import torch.nn as nn\n"
            "criterion = nn.NLLLoss()\n"
            "def go(x, y): return criterion(input=x, target=y)\n"
        ),
        "main.py": (
            "import losses\n"
            "setattr(losses, 'criterion', lambda *, input, target: 0)\n"
            "def run(x, y): return losses.go(x, y)\n"
        ),
    },
    "a global read by a name of a configuration": {
        "losses.py": "import torch.nn as nn\nnll = nn.NLLLoss()\nce = nn.CrossEntropyLoss()\n",
        "main.py": (
            "import losses\n"
            "CONFIG = {'loss': 'nll'}\n"
            "def run(x, y): return getattr(losses, CONFIG['loss'])(input=x, target=y)\n"
        ),
    },
    "a file that writes into a table of attributes": {
        "losses.py": "import torch.nn as nn\ncriterion = nn.CrossEntropyLoss()\n",
        "main.py": (
            "from losses import criterion\n"
            "class Config:\n    def __init__(self, **given): self.__dict__.update(given)\n"
            "def run(x, y): return criterion(input=x, target=y)\n"
        ),
    },
    "an attribute that an heir of an heir replaces": {
        "base.py": (
            "import torch.nn as nn\nclass Base:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.ce(input=x, target=y)\n"
        ),
        "mid.py": "from base import Base\nclass Mid(Base): pass\n",
        "main.py": (
            "from mid import Mid\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "class Box(Mid):\n"
            "    def __init__(self): self.ce = mine\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "an attribute that an heir over star imports replaces": {
        "base.py": (
            "import torch.nn as nn\nclass Base:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
            "    def go(self, x, y): return self.ce(input=x, target=y)\n"
        ),
        "api.py": "from base import *\n",
        "main.py": (
            "import api\n"
            "def mine(*, input, target): return input[0, 0] * 0\n"
            "class Box(api.Base):\n"
            "    def __init__(self): self.ce = mine\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "an attribute that a class to mix in reads": {
        "base.py": (
            "import torch.nn as nn\nclass Base:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "mix.py": (
            "class Mix:\n"
            "    def go(self, x, y):\n"
            "        loss = self.ce\n"
            "        return loss(input=x, target=y)\n"
        ),
        "main.py": (
            "from base import Base\nfrom mix import Mix\nclass Box(Mix, Base): pass\n"
            "def run(x, y): return Box().go(x, y)\n"
        ),
    },
    "a class that takes what its table of attributes holds": {
        "trainer.py": (
            "class Trainer:\n"
            "    def __init__(self, **parts): self.__dict__.update(parts)\n"
            "    def go(self, x, y): return self.loss(input=x, target=y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\nfrom trainer import Trainer\n"
            "def run(x, y): return Trainer(loss=nn.NLLLoss()).go(x, y)\n"
        ),
    },
    "a function that a path in a configuration names": {
        "build.py": (
            "import importlib\n"
            "def build(path):\n"
            "    module, _, name = path.rpartition('.')\n"
            "    return getattr(importlib.import_module(module), name)()\n"
        ),
        "losses.py": "import torch.nn as nn\ndef nll(): return nn.NLLLoss()\n",
        "main.py": (
            "from build import build\n"
            "def run(x, y): return build('losses.nll')(input=x, target=y)\n"
        ),
    },
    "a dict of classes behind a function": {
        "build.py": (
            "import torch.nn as nn\nALL = {'ce': nn.CrossEntropyLoss, 'mse': nn.MSELoss}\n"
            "def build(name): return ALL[name]()\n"
        ),
        "main.py": (
            "from build import build\ndef run(x, y): return build('ce')(input=x, target=y)\n"
        ),
    },
    "a module that a function is given": {
        "losses.py": "import torch.nn as nn\nnll = nn.NLLLoss()\n",
        "go.py": (
            "def go(module, x, y):\n    loss = module.nll\n    return loss(input=x, target=y)\n"
        ),
        "main.py": "import go, losses\ndef run(x, y): return go.go(losses, x, y)\n",
    },
    "a call in a file with lines of another kind": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "import math  # x\rdef step(net, x, y):\r    return net.ce(input=x, target=y)\r",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "a comment before the sign of a keyword": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y): return net.ce(x, target  # y\n    =y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute given to a partial": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": (
            "from functools import partial\n"
            "def step(net, x, y): return partial(net.ce, target=y)(x)\n"
        ),
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute given to a function with the operands": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": (
            "def call(f, *a, **k): return f(*a, **k)\n"
            "def step(net, x, y): return call(net.ce, input=x, target=y)\n"
        ),
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute of which a setting is set": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": (
            "def step(net, x, y):\n    net.ce.reduction = 'sum'\n    return net.ce(x, y)\n"
        ),
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute that is named in a condition": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": "def step(net, x, y):\n    if (f := net.ce): return f.forward(x, y)\n",
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute that is asked for its class": {
        "net.py": (
            "import torch.nn as nn\nclass Net:\n    def __init__(self): self.ce = nn.NLLLoss()\n"
        ),
        "step.py": (
            "import torch.nn as nn\n"
            "def step(net, x, y):\n    f = net.ce\n"
            "    return f(x, y) if isinstance(f, nn.Module) else f(x, y) * 0\n"
        ),
        "main.py": "import net, step\ndef run(x, y): return step.step(net.Net(), x, y)\n",
    },
    "an attribute of a module of torch in another file": {
        "net.py": (
            "import torch.nn as nn\n"
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.loss = nn.MSELoss()\n"
            "    def forward(self, x, y): return self.loss(x, y)\n"
        ),
        "main.py": (
            "import torch.nn as nn\n"
            "from net import Net\n"
            "def run(x, y):\n"
            "    net = Net()\n"
            "    net.loss = nn.NLLLoss()\n"
            "    return net(x, y)\n"
        ),
    },
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, newline="")
    return folder


def figure(folder: Path, x: object, y: object, monkeypatch: pytest.MonkeyPatch) -> float:
    """Run a project, and forget its modules again."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    try:
        return float(importlib.import_module("main").run(x, y))
    finally:
        monkeypatch.undo()
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def of_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    torch = frameworks.torch()
    return figure(folder, torch.tensor(ROWS), torch.tensor(LABELS), monkeypatch)


def of_mindspore(folder: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    mindspore = frameworks.mindspore()
    labels = mindspore.Tensor(LABELS, mindspore.int32)
    return figure(folder, mindspore.Tensor(ROWS), labels, monkeypatch)


def texts(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): p.read_bytes().decode() for p in sorted(folder.rglob("*.py"))
    }


@pytest.mark.parametrize("files", TOGETHER.values(), ids=TOGETHER)
def test_a_project_gives_the_same_figure(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(tmp_path / "before", files)
    after = written(tmp_path / "after", files)
    results = list(migrate_paths([str(after)], write=True))
    assert not [r.error for r in results if r.error]
    assert not [f for r in results for f in r.with_status(Status.MANUAL)]
    assert not [r.torch_left for r in results if r.torch_left]
    assert of_mindspore(after, monkeypatch) == pytest.approx(
        of_torch(before, monkeypatch), rel=1e-5
    )
    assert not any(r.changed for r in migrate_paths([str(after)]))


@pytest.mark.parametrize("files", APART.values(), ids=APART)
def test_what_cannot_move_together_stays_as_it_is(files: dict[str, str], tmp_path: Path) -> None:
    folder = written(tmp_path, files)
    results = list(migrate_paths([str(folder)], write=True))
    assert [f.code for r in results for f in r.with_status(Status.MANUAL)]
    assert texts(folder) == dict(sorted(files.items()))


def test_another_file_is_named_as_seen_from_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written(tmp_path, APART["a call by keywords in an f-string"]))
    (result,) = migrate_paths(["losses.py"])
    assert "line 2 of main.py calls" in result.findings[0].message


@pytest.mark.parametrize("name", ["a global that is imported", "a function that takes it"])
def test_a_file_given_alone_stays_where_another_would_have_to_change(
    name: str, tmp_path: Path
) -> None:
    folder = written(tmp_path, TOGETHER[name])
    alone = next(str(folder / n) for n, text in TOGETHER[name].items() if "nn." in text)
    [result] = migrate_paths([alone])
    assert not result.changed
    assert [f.code for f in result.findings] == ["keyword-call"]


@pytest.mark.parametrize("files", APART.values(), ids=APART)
def test_what_cannot_move_together_stays_where_files_are_given_alone(
    files: dict[str, str], tmp_path: Path
) -> None:
    folder = written(tmp_path, files)
    for name in files:
        list(migrate_paths([str(folder / name)], write=True))
    assert texts(folder) == dict(sorted(files.items()))


@pytest.mark.parametrize("script", ["main.py", "scripts/train.py"])
def test_a_file_of_a_package_stays_where_a_script_of_its_project_calls_its_loss(
    script: str, tmp_path: Path
) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/losses.py": "import torch.nn as nn\ncriterion = nn.NLLLoss()\n",
        script: (
            "from pkg.losses import criterion\n"
            "def run(x, y): return criterion(input=x, target=y)\n"
        ),
        "build/old.py": "from pkg.losses import criterion\ncriterion.cpu()\n",
    }  # fmt: skip
    folder = written(tmp_path, files)
    (folder / "pyproject.toml").write_text("")
    [result] = migrate_paths([str(folder / "pkg/losses.py")])
    assert [f.code for f in result.findings] == ["keyword-call"]
    assert script in result.findings[0].message
    (folder / script).write_text(files[script].replace("input=x, target=y", "x, y"))
    [result] = migrate_paths([str(folder / "pkg/losses.py")])
    assert [f.code for f in result.findings] == ["renamed"]


def test_the_answer_does_not_depend_on_how_many_work_or_on_the_order(tmp_path: Path) -> None:
    folder = written(tmp_path, {
        f"p{i}/{name}": text.replace("losses", f"p{i}.losses")
        for i in range(40)
        for name, text in TOGETHER["a global that is imported"].items()
    })  # fmt: skip
    paths = sorted(map(str, folder.rglob("*.py")))
    once = [(r.path, r.after, r.findings) for r in migrate_paths([*paths], jobs=1)]
    again = [(r.path, r.after, r.findings) for r in migrate_paths(paths[::-1], jobs=3)]
    assert once == again
    assert sum(after is not None for _, after, _ in once) == len(paths)


def test_a_constructor_is_not_written_where_its_call_cannot_be(tmp_path: Path) -> None:
    folder = written(tmp_path, TOGETHER["a function that takes it"])
    (folder / "pkg/use.py").chmod(0o444)
    results = {Path(r.path).name: r for r in migrate_paths([str(folder)], write=True)}
    assert "read-only" in str(results["use.py"].error)
    assert "use.py has to change along" in str(results["main.py"].error)
    assert texts(folder) == dict(sorted(TOGETHER["a function that takes it"].items()))
