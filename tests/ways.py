"""Ways from a constructor to a call: programs with a function `run(x, y)`, to be migrated and run.

`MAKE` stands for a constructor and `ARGS` for the arguments of the call, perhaps behind `.forward`.
"""

#: Those whose instance must be followed all the way, whatever the call is like.
FOLLOWED = {
    "at once": "def run(x, y):\n    return MAKEARGS\n",
    "at once behind a chain": "def run(x, y):\n    return MAKE.to('cpu')ARGS\n",
    "local": "def run(x, y):\n    loss = MAKE\n    return lossARGS\n",
    "local of two names": "def run(x, y):\n    a = b = MAKE\n    return aARGS + bARGS\n",
    "renamed": "def run(x, y):\n    a = MAKE\n    b = a\n    return bARGS\n",
    "annotated": "def run(x, y):\n    loss: object = MAKE\n    return lossARGS\n",
    "global": "loss = MAKE\n\ndef run(x, y):\n    return lossARGS\n",
    "global statement": (
        "loss = None\n\ndef run(x, y):\n    global loss\n    loss = MAKE\n    return lossARGS\n"
    ),
    "closure": (
        "def outer():\n    loss = MAKE\n    def inner(x, y):\n        return lossARGS\n"
        "    return inner\n\ndef run(x, y):\n    return outer()(x, y)\n"
    ),
    "closure in a class": (
        "def run(x, y):\n    loss = MAKE\n    class Box:\n        def go(self):\n"
        "            return lossARGS\n    return Box().go()\n"
    ),
    "attribute": (
        "class Box:\n    def __init__(self):\n        self.loss = MAKE\n"
        "    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "attribute set in another method": (
        "class Box:\n    def setup(self):\n        self.loss = MAKE\n        return self\n"
        "    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().setup().go(x, y)\n"
    ),
    "attribute of a base class": (
        "class Base:\n    def __init__(self):\n        self.loss = MAKE\n\n"
        "class Box(Base):\n    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "attribute that a subclass sets": (
        "class Base:\n    loss = None\n    def go(self, x, y):\n        return self.lossARGS\n\n"
        "class Box(Base):\n    def __init__(self):\n        self.loss = MAKE\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "attribute of a module": (
        "class Box(Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.loss = MAKE\n    def forward(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().forward(x, y)\n"
    ),
    "attribute that is moved": (
        "class Box:\n    def __init__(self):\n        self.loss = MAKE\n"
        "        self.loss = self.loss.cpu()\n    def go(self, x, y):\n"
        "        return self.lossARGS\n\ndef run(x, y):\n    return Box().go(x, y)\n"
    ),
    "class attribute": (
        "class Box:\n    loss = MAKE\n    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "property": (
        "class Box:\n    @property\n    def loss(self):\n        return MAKE\n"
        "    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "returned": "def make():\n    return MAKE\n\ndef run(x, y):\n    return make()ARGS\n",
    "returned and named": (
        "def make():\n    loss = MAKE\n    return loss\n\n"
        "def run(x, y):\n    loss = make()\n    return lossARGS\n"
    ),
    "returned from either branch": (
        "def make(a):\n    if a:\n        return MAKE\n    return MAKE\n\n"
        "def run(x, y):\n    return make(True)ARGS\n"
    ),
    "returned by a method": (
        "class Box:\n    def make(self):\n        return MAKE\n    def go(self, x, y):\n"
        "        loss = self.make()\n        return lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "returned in a tuple": (
        "def make():\n    return 1, MAKE\n\ndef run(x, y):\n    n, loss = make()\n"
        "    return lossARGS * n\n"
    ),
    "returned in a dict": (
        "def make():\n    return {'a': MAKE}\n\ndef run(x, y):\n    return make()['a']ARGS\n"
    ),
    "returned by what is returned": (
        "def outer():\n    def make():\n        return MAKE\n    return make\n\n"
        "def run(x, y):\n    return outer()()ARGS\n"
    ),
    "lambda": "make = lambda: MAKE\n\ndef run(x, y):\n    return make()ARGS\n",
    "generator": (
        "def make():\n    yield MAKE\n    yield MAKE\n\n"
        "def run(x, y):\n    return sum(lossARGS for loss in make())\n"
    ),
    "default": "def run(x, y, loss=MAKE):\n    return lossARGS\n",
    "default by keyword only": "def run(x, y, *, loss=MAKE):\n    return lossARGS\n",
    "parameter": (
        "def _go(loss, x, y):\n    return lossARGS\n\ndef run(x, y):\n    return _go(MAKE, x, y)\n"
    ),
    "parameter by name": (
        "def _go(x, y, loss=None):\n    return lossARGS\n\n"
        "def run(x, y):\n    return _go(x, y, loss=MAKE)\n"
    ),
    "parameter that others may pass too": (
        "def go(loss, x, y):\n    return lossARGS\n\ndef run(x, y):\n    return go(MAKE, x, y)\n"
    ),
    "parameter of a parameter": (
        "def _go(loss, x, y):\n    return lossARGS\n\ndef _on(loss, x, y):\n"
        "    return _go(loss, x, y)\n\ndef run(x, y):\n    return _on(MAKE, x, y)\n"
    ),
    "parameter of a method": (
        "class Box:\n    def _go(self, loss, x, y):\n        return lossARGS\n"
        "    def go(self, x, y):\n        return self._go(MAKE, x, y)\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "parameter of a constructor": (
        "class Box:\n    def __init__(self, loss):\n        self.loss = loss\n"
        "    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box(MAKE).go(x, y)\n"
    ),
    "parameter or a default": (
        "class Box:\n    def __init__(self, loss=None):\n        self.loss = loss or MAKE\n"
        "    def go(self, x, y):\n        return self.lossARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "field": (
        "@dataclass\nclass Box:\n    scale: int = 1\n    loss: object = None\n"
        "    def go(self, x, y):\n        return self.lossARGS * self.scale\n\n"
        "def run(x, y):\n    return Box(1, MAKE).go(x, y)\n"
    ),
    "field by name": (
        "@dataclass\nclass _Box:\n    loss: object\n    def go(self, x, y):\n"
        "        return self.lossARGS\n\ndef run(x, y):\n    return _Box(loss=MAKE).go(x, y)\n"
    ),
    "field of a named tuple": (
        "class _Box(NamedTuple):\n    loss: object\n    def go(self, x, y):\n"
        "        return self.lossARGS\n\ndef run(x, y):\n    return _Box(MAKE).go(x, y)\n"
    ),
    "conditional": "def run(x, y, a=True):\n    return (MAKE if a else MAKE)ARGS\n",
    "conditional and named": (
        "def run(x, y, a=True):\n    loss = MAKE if a else MAKE\n    return lossARGS\n"
    ),
    "either branch": (
        "def run(x, y, a=True):\n    if a:\n        loss = MAKE\n    else:\n        loss = MAKE\n"
        "    return lossARGS\n"
    ),
    "or": "def run(x, y, loss=None):\n    loss = loss or MAKE\n    return lossARGS\n",
    "None first": (
        "def run(x, y):\n    loss = None\n    if loss is None:\n        loss = MAKE\n"
        "    return lossARGS\n"
    ),
    "walrus": "def run(x, y):\n    if (loss := MAKE) is not None:\n        return lossARGS\n",
    "tuple": "def run(x, y):\n    a, loss = 1, MAKE\n    return lossARGS * a\n",
    "nested tuple": "def run(x, y):\n    a, (b, loss) = 1, (1, MAKE)\n    return lossARGS * a\n",
    "list target": "def run(x, y):\n    [loss, a] = [MAKE, 1]\n    return lossARGS * a\n",
    "starred target": "def run(x, y):\n    loss, *a = MAKE, 1, 2\n    return lossARGS\n",
    "dict": "def run(x, y):\n    all = {'a': MAKE}\n    return all['a']ARGS\n",
    "dict by a variable": (
        "ALL = {'a': MAKE, 'b': MAKE}\n\ndef run(x, y, name='b'):\n    return ALL[name]ARGS\n"
    ),
    "dict by get": "ALL = {'a': MAKE}\n\ndef run(x, y):\n    return ALL.get('a')ARGS\n",
    "dict of keywords": "ALL = dict(a=MAKE)\n\ndef run(x, y):\n    return ALL['a']ARGS\n",
    "dict that is filled": (
        "ALL = {}\nALL['a'] = MAKE\n\ndef run(x, y):\n    return ALL['a']ARGS\n"
    ),
    "dict that is updated": (
        "ALL = {}\nALL.update({'a': MAKE})\n\ndef run(x, y):\n    return ALL['a']ARGS\n"
    ),
    "values": (
        "ALL = {'a': MAKE}\n\ndef run(x, y):\n"
        "    for loss in ALL.values():\n        return lossARGS\n"
    ),
    "items": (
        "ALL = {'a': MAKE}\n\ndef run(x, y):\n"
        "    for name, loss in ALL.items():\n        return lossARGS\n"
    ),
    "comprehension over items": (
        "ALL = {'a': MAKE}\n\ndef run(x, y):\n"
        "    return {name: lossARGS for name, loss in ALL.items()}['a']\n"
    ),
    "dict of an attribute": (
        "class Box:\n    def __init__(self):\n        self.all = {}\n        self.all['a'] = MAKE\n"
        "    def go(self, x, y):\n        return self.all['a']ARGS\n\n"
        "def run(x, y):\n    return Box().go(x, y)\n"
    ),
    "dict of pairs": (
        "ALL = {'a': (1, MAKE)}\n\ndef run(x, y):\n    n, loss = ALL['a']\n"
        "    return lossARGS * n\n"
    ),
    "dict of lambdas": ("ALL = {'a': lambda: MAKE}\n\ndef run(x, y):\n    return ALL['a']()ARGS\n"),
    "dict of factories": (
        "def _make():\n    return MAKE\n\nALL = {'a': _make}\n\n"
        "def run(x, y):\n    return ALL['a']()ARGS\n"
    ),
    "list": "def run(x, y):\n    all = [MAKE, 1]\n    return all[0]ARGS\n",
    "list from the end": "def run(x, y):\n    all = [1, MAKE]\n    return all[-1]ARGS\n",
    "list that is looped over": (
        "def run(x, y):\n    for loss in [MAKE, MAKE]:\n        return lossARGS\n"
    ),
    "list that grows": (
        "def run(x, y):\n    all = []\n    all.append(MAKE)\n    return all[0]ARGS\n"
    ),
    "list by a comprehension": (
        "def run(x, y):\n    all = [MAKE for _ in range(2)]\n    return all[1]ARGS\n"
    ),
    "list that is copied": (
        "def run(x, y):\n    all = list((MAKE, MAKE))\n    return all[1]ARGS\n"
    ),
    "list of torch's": (
        "ALL = nn.ModuleList([MAKE])\n\ndef run(x, y):\n"
        "    return ALL[0]ARGS + sum(lossARGS for loss in ALL)\n"
    ),
    "list of torch's in a module": (
        "class Box(Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.all = nn.ModuleList([MAKE for _ in range(2)])\n"
        "        self.all.append(MAKE)\n    def forward(self, x, y):\n"
        "        return sum(lossARGS for loss in self.all) / len(self.all)\n\n"
        "def run(x, y):\n    return Box().forward(x, y)\n"
    ),
    "dict of torch's": (
        "ALL = nn.ModuleDict({'a': MAKE})\nALL['b'] = MAKE\n\ndef run(x, y):\n"
        "    return sum(lossARGS for name, loss in ALL.items()) + ALL['b']ARGS\n"
    ),
    "slice": "def run(x, y):\n    all = [MAKE, MAKE][1:]\n    return all[0]ARGS\n",
    "enumerate": (
        "def run(x, y):\n    for n, loss in enumerate([MAKE], 1):\n        return lossARGS * n\n"
    ),
    "zip": (
        "def run(x, y):\n    for n, loss in zip([1, 2], [MAKE, MAKE]):\n"
        "        return lossARGS * n\n"
    ),
    "next": "def run(x, y):\n    return next(iter([MAKE]))ARGS\n",
    "deepcopy": "def run(x, y):\n    loss = copy.deepcopy(MAKE)\n    return lossARGS\n",
    "cast": "def run(x, y):\n    loss = typing.cast(object, MAKE)\n    return lossARGS\n",
    "moved": "def run(x, y):\n    loss = MAKE\n    loss = loss.cpu()\n    return lossARGS\n",
    "moved by a statement": "loss = MAKE\nloss.cpu()\n\ndef run(x, y):\n    return lossARGS\n",
    "with": (
        "def run(x, y):\n    loss = MAKE\n    with contextlib.nullcontext():\n"
        "        return lossARGS\n"
    ),
    "try": (
        "def run(x, y):\n    try:\n        loss = MAKE\n    except ValueError:\n"
        "        loss = None\n    return lossARGS\n"
    ),
    "another loss on the other branch": (
        "def run(x, y, a=True):\n    loss = MAKE if a else nn.MSELoss()\n    return lossARGS\n"
    ),
    "another loss beside it in a dict": (
        "ALL = {'a': MAKE, 'b': nn.BCELoss()}\n\ndef run(x, y, name='a'):\n"
        "    return ALL[name]ARGS\n"
    ),
    "parameter with another loss": (
        "def _go(loss, x, y):\n    return lossARGS\n\ndef run(x, y):\n"
        "    if x is None:\n        _go(nn.L1Loss(), x, y)\n    return _go(MAKE, x, y)\n"
    ),
    "field of a base class": (
        "@dataclass\nclass _Base:\n    loss: object\n\n@dataclass\nclass _Box(_Base):\n"
        "    scale: int = 1\n    def go(self, x, y):\n        return self.lossARGS * self.scale\n\n"
        "def run(x, y):\n    return _Box(MAKE).go(x, y)\n"
    ),
    "list of torch's that begins empty": (
        "ALL = nn.ModuleList([])\nALL.append(MAKE)\nALL.extend([MAKE])\n\n"
        "def run(x, y):\n    return ALL[1]ARGS\n"
    ),
    "dict of torch's that begins empty": (
        "ALL = nn.ModuleDict({})\nALL['a'] = MAKE\n\ndef run(x, y):\n    return ALL['a']ARGS\n"
    ),
}

#: Those of which the keywords must be handed over, and a call by position may move.
UNDECIDABLE = {
    "unknown function": ("def run(x, y):\n    return mystery(MAKE)ARGS\n"),
    "own function on the other branch": (
        "def run(x, y, a=True):\n    loss = MAKE if a else mine\n    return lossARGS\n"
    ),
    "set by its name": (
        "class Box:\n    pass\n\ndef run(x, y, name='loss'):\n    box = Box()\n"
        "    setattr(box, name, MAKE)\n    return box.lossARGS\n"
    ),
    "nonlocal": (
        "def run(x, y):\n    loss = MAKE\n    def swap():\n        nonlocal loss\n"
        "        loss = mine\n    return lossARGS\n"
    ),
    "dict that something else fills": (
        "ALL = {'a': MAKE}\nALL['b'] = mine\n\ndef run(x, y, name='a'):\n    return ALL[name]ARGS\n"
    ),
    "list whose order changes": (
        "def run(x, y):\n    all = [MAKE, mine]\n    all.insert(0, mine)\n    return all[1]ARGS\n"
    ),
    "list of torch's with another loss": (
        "ALL = nn.ModuleList([MAKE, nn.MSELoss()])\n\ndef run(x, y):\n    return ALL[0]ARGS\n"
    ),
    "list of torch's that is handed on": (
        "ALL = nn.ModuleList([MAKE])\nmystery(ALL)\n\ndef run(x, y):\n    return ALL[0]ARGS\n"
    ),
    "list of torch's that grows": (
        "ALL = nn.ModuleList([MAKE])\nALL.append(nn.MSELoss())\n\n"
        "def run(x, y):\n    return ALL[0]ARGS\n"
    ),
    "dict of torch's that is moved": (
        "ALL = nn.ModuleDict({'a': MAKE}).cpu()\n\ndef run(x, y):\n    return ALL['a']ARGS\n"
    ),
    "sequence of torch's": ("ALL = nn.Sequential(MAKE)\n\ndef run(x, y):\n    return ALL[0]ARGS\n"),
    "partial": (
        "def run(x, y):\n    loss = functools.partial(MAKE, input=x)\n    return loss(target=y)\n"
    ),
    "what a context manager gives": (
        "@contextlib.contextmanager\ndef make():\n    yield MAKE\n\n"
        "def run(x, y):\n    with make() as loss:\n        return lossARGS\n"
    ),
    "what __enter__ gives": (
        "class Box:\n    def __init__(self):\n        self.all = [MAKE]\n"
        "    def __enter__(self):\n        return self.all[0]\n"
        "    def __exit__(self, *error):\n        pass\n\n"
        "def run(x, y):\n    with Box() as loss:\n        return lossARGS\n"
    ),
    "what is awaited": (
        "import asyncio\n\nasync def make():\n    return MAKE\n\nasync def go(x, y):\n"
        "    return (await make())ARGS\n\ndef run(x, y):\n    return asyncio.run(go(x, y))\n"
    ),
    "what is sent": (
        "def _go():\n    loss = yield\n    x, y = yield\n    yield lossARGS\n\n"
        "def run(x, y):\n    steps = _go()\n    next(steps)\n    steps.send(MAKE)\n"
        "    return steps.send((x, y))\n"
    ),
    "what __getattr__ gives": (
        "class Box:\n    def __init__(self):\n        self.all = {'loss': MAKE}\n"
        "    def __getattr__(self, name):\n        return self.__dict__['all'][name]\n\n"
        "def run(x, y):\n    return Box().lossARGS\n"
    ),
    "table of names": "globals()['loss'] = MAKE\n\ndef run(x, y):\n    return lossARGS\n",
    "starred parameter": (
        "def _go(*all):\n    loss, x, y = all\n    return lossARGS\n\n"
        "def run(x, y):\n    return _go(MAKE, x, y)\n"
    ),
    "parameter of any keyword": (
        "def _go(x, y, **all):\n    return all['loss']ARGS\n\n"
        "def run(x, y):\n    return _go(x, y, loss=MAKE)\n"
    ),
    "starred argument": (
        "def _go(loss, x, y):\n    return lossARGS\n\n"
        "def run(x, y):\n    given = (MAKE, x)\n    return _go(*given, y)\n"
    ),
    "keywords of a dict": (
        "def _go(x, y, loss):\n    return lossARGS\n\n"
        "def run(x, y):\n    given = {'loss': MAKE}\n    return _go(x, y, **given)\n"
    ),
    "first argument of a partial function": (
        "def _go(loss, x, y):\n    return lossARGS\n\n"
        "def run(x, y):\n    return functools.partial(_go, MAKE)(x, y)\n"
    ),
    "captured": (
        "def run(x, y):\n    match {'a': MAKE}:\n        case {'a': loss}:\n"
        "            return lossARGS\n"
    ),
    "merged dicts": (
        "def run(x, y):\n    all = {'a': MAKE} | {'b': MAKE}\n    return all['b']ARGS\n"
    ),
    "dict that is merged into": (
        "def run(x, y):\n    all = {}\n    all |= {'a': MAKE}\n    return all['a']ARGS\n"
    ),
    "lists that are added": "def run(x, y):\n    return ([1] + [MAKE])[1]ARGS\n",
    "list that is multiplied": "def run(x, y):\n    return ([MAKE] * 2)[1]ARGS\n",
    "slice that is assigned": (
        "def run(x, y):\n    all = [1, 2]\n    all[1:] = [MAKE]\n    return all[1]ARGS\n"
    ),
    "list that grows under another name": (
        "def run(x, y):\n    all = []\n    same = all\n    same.append(MAKE)\n"
        "    return all[0]ARGS\n"
    ),
    "dict that a function fills": (
        "def fill(all):\n    all['a'] = MAKE\n\n"
        "def run(x, y):\n    all = {}\n    fill(all)\n    return all['a']ARGS\n"
    ),
    "key of a dict": "def run(x, y):\n    for loss in {MAKE: 1}:\n        return lossARGS\n",
    "map": "def run(x, y):\n    return sum(map(lambda loss: lossARGS, [MAKE]))\n",
    "key of a sort": (
        "def run(x, y):\n    all = [MAKE, MAKE]\n    all.sort(key=lambda loss: float(lossARGS))\n"
        "    return all[0](x, y)\n"
    ),
    "parameter of a lambda": (
        "_go = lambda loss, x, y: lossARGS\n\ndef run(x, y):\n    return _go(MAKE, x, y)\n"
    ),
    "attribute of a function": ("def run(x, y):\n    return run.lossARGS\n\nrun.loss = MAKE\n"),
    "namespace": (
        "from types import SimpleNamespace\nall = SimpleNamespace(loss=MAKE)\n\n"
        "def run(x, y):\n    return all.lossARGS\n"
    ),
    "named tuple that is unpacked": (
        "class _Box(NamedTuple):\n    loss: object\n    scale: int = 1\n\n"
        "def run(x, y):\n    loss, scale = _Box(MAKE)\n    return lossARGS * scale\n"
    ),
    "list of torch's that is extended by a tuple": (
        "ALL = nn.ModuleList([MAKE])\nALL.extend((MAKE, MAKE))\n\n"
        "def run(x, y):\n    return ALL[1]ARGS\n"
    ),
    "list of torch's that is added to": (
        "ALL = nn.ModuleList([MAKE])\nALL += [MAKE]\n\ndef run(x, y):\n    return ALL[1]ARGS\n"
    ),
    "list of torch's that gives itself back": (
        "ALL = nn.ModuleList([MAKE])\nALL.append(MAKE).append(MAKE)\n\n"
        "def run(x, y):\n    return ALL[2]ARGS\n"
    ),
    "list of torch's that begins with another module": (
        "ALL = nn.ModuleList([nn.Identity()])\nALL.append(MAKE)\n\n"
        "def run(x, y):\n    return ALL[1]ARGS\n"
    ),
    "dict of torch's that is updated by pairs": (
        "ALL = nn.ModuleDict({'a': MAKE})\nALL.update([('b', MAKE)])\n\n"
        "def run(x, y):\n    return ALL['b']ARGS\n"
    ),
    "dict of torch's with a space in a key": (
        "ALL = nn.ModuleDict({'a b': MAKE})\n\ndef run(x, y):\n    return ALL['a b']ARGS\n"
    ),
    "dict of torch's with a key that a Cell uses": (
        "ALL = nn.ModuleDict({'a': MAKE})\nALL['construct'] = MAKE\n\n"
        "def run(x, y):\n    return ALL['construct']ARGS\n"
    ),
    "attribute of a module that is set from outside": (
        "class Box(Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.loss = nn.MSELoss()\n    def forward(self, x, y):\n"
        "        return self.lossARGS\n\n"
        "def run(x, y):\n    box = Box()\n    box.loss = MAKE\n    return box.forward(x, y)\n"
    ),
}
