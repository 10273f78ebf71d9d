"""Print, as JSON on the last line, where the installed torch exposes the given APIs.

`python torch_paths.py torch.nn.NLLLoss …` imports every public module of torch that imports, which
leaves the process in a state that no test should run in. Public means that no component of the
path begins with an underscore.

    {"paths": {"torch.nn.modules.NLLLoss": "torch.nn.NLLLoss"},
     "imports": {"torch.functional.F": "torch.nn.functional"}}

`paths` are attributes of modules under the modules' own names. `imports` are names under which a
module holds another that leads to one of `paths`; each leads to many more, and in circles.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from operator import attrgetter
from types import ModuleType


def main(apis: list[str]) -> None:
    import torch

    wanted = {id(attrgetter(api.partition(".")[2])(torch)): api for api in apis}
    paths: dict[str, str] = {}
    held: dict[str, str] = {}
    for name, module in (("torch", torch), *_modules(torch)):
        for attribute, value in vars(module).items():
            path = f"{name}.{attribute}"
            if attribute.startswith("_"):
                continue
            if id(value) in wanted:
                paths[path] = wanted[id(value)]
            elif type(value) is ModuleType and value.__name__ != path:
                held[path] = value.__name__
    imports = {
        path: module
        for path, module in held.items()
        if any(exposed.startswith(f"{module}.") for exposed in paths)
    }
    # The last line, because some modules print when they are imported.
    sys.stdout.write("\n" + json.dumps({"paths": paths, "imports": imports}, sort_keys=True) + "\n")


def _modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    for entry in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if entry.name.rpartition(".")[2].startswith("_"):
            continue
        try:
            module = importlib.import_module(entry.name)
        except ImportError:
            # Some need packages that torch itself does not: nobody reaches the API through them.
            continue
        yield entry.name, module
        # One package puts an object without a path in its own place.
        if hasattr(module, "__path__"):
            yield from _modules(module)


if __name__ == "__main__":
    main(sys.argv[1:])
