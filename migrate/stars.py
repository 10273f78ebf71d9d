"""What the star imports of modules outside the project bind, of the names that matter here."""

from __future__ import annotations

import sys


def _star_of(module: str, *names: str) -> dict[str, str]:
    return {name: f"{module}.{name}" for name in names}


#: What `from MODULE import *` binds, of the names that lead to a covered API: read off torch 2.13.
_TORCH_STARS: dict[str, dict[str, str]] = {
    "torch.nn": _star_of(
        "torch.nn", "functional", "modules", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"
    ),
    "torch.nn.modules": _star_of("torch.nn.modules", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"),
    "torch.nn.modules.loss": _star_of(
        "torch.nn.modules.loss", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"
    ),
    "torch.nn.functional": {
        **_star_of("torch.nn.functional", "cross_entropy", "nll_loss"),
        "torch": "torch",
    },
}

#: Other frameworks whose star imports bind names such as `nn` to something that is not torch's.
_FOREIGN = frozenset(
    {"mindspore", "mlx", "flax", "paddle", "mxnet", "jax", "keras", "tensorflow", "jittor"}
)


def is_torch(path: str) -> bool:
    """Tell whether a dotted path is of torch."""
    return path.partition(".")[0] == "torch"


def is_other_framework(path: str) -> bool:
    """Tell whether a dotted path is of another deep-learning framework than torch."""
    return path.partition(".")[0] in _FOREIGN


#: Modules outside the standard library whose star imports are common and bind no covered name.
_HARMLESS_STARS = sys.stdlib_module_names | {"numpy", "pylab", "matplotlib", "scipy", "pandas"}


def brought(module: str, name: str) -> str | None:
    """Return what `from module import *` binds a name to.

    Returns
    -------
    str or None
        A dotted path; empty where it binds nothing to the name, None where that is not known.
    """
    root = module.partition(".")[0]
    if module in _TORCH_STARS:
        return _TORCH_STARS[module].get(name, "")
    if root in _FOREIGN:
        # Nobody's star import gives the framework's own name another meaning.
        return f"{module}.{name}" if name != root else ""
    return "" if root == "torch" or root in _HARMLESS_STARS else None
