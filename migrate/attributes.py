"""What torch's losses have that MindSpore's have as well, and which calls only choose a device."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrate.match import Refusal
from migrate.operands import is_pure
from migrate.resolve import Names
from migrate.scopes import Scope

if TYPE_CHECKING:
    from migrate.model import Rule
    from migrate.places import Place

#: What moves a module to a device in torch; a Cell has none of them and needs none.
DEVICE_METHODS = frozenset({"cuda", "cpu", "to"})

#: Attributes that a torch loss and its MindSpore counterpart have in common, to read and to set.
COMMON_ATTRIBUTES = frozenset({"ignore_index", "label_smoothing", "reduction", "weight"})

#: What else torch's losses have, and MindSpore's lack or mean otherwise. An attribute that is in
#: neither set is the user's own, which a Cell holds as well.
MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda
    double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children named_modules
    named_parameters parameters register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train type xpu zero_grad
    """.split()  # noqa: SIM905 (a list would take a line a name)
)

#: What an expression for a device is called, or holds.
_DEVICE = re.compile(r"dev|cuda|cpu|gpu|npu|xpu|mps|rank|accelerator|^\d+$", re.IGNORECASE)

_DTYPE = re.compile(
    r"torch\.(?:b?float(?:16|32|64)?|double|half|u?int(?:8|16|32|64)?|long|short|bool|c\w+\d+)"
)


def not_a_device(names: Names, method: str, call: ast.Call, scope: Scope) -> Refusal | None:
    """Return why a chained call does more than choose a device, or None."""
    if method not in DEVICE_METHODS:
        return Refusal("chained-call", f"`.{method}(…)` is called on the new instance")
    keywords = {keyword.arg for keyword in call.keywords}
    values = [*call.args, *(k.value for k in call.keywords if k.arg == "device")]
    if (
        len(call.args) > (method != "cpu")
        or not keywords <= {"device", "non_blocking"}
        or any(isinstance(a, ast.Starred) for a in call.args)
        or (method == "to" and len(values) != 1)
    ):
        return Refusal("chained-call", f"`.{method}(…)` has arguments that are no device")
    if not all(
        is_pure(value, names, scope) for value in [*call.args, *(k.value for k in call.keywords)]
    ):
        return Refusal("side-effect", f"the argument of `.{method}(…)` would not be evaluated")
    for value in values:
        if any(_DTYPE.fullmatch(meaning) for meaning in names.resolve(value, scope)):
            reason = f"`.{method}({ast.unparse(value)})` casts the weight"
            return Refusal("chained-call", reason)
        # `.cuda(x)` takes a device only; what `.to(x)` takes may be a dtype or a tensor as well.
        if method == "to" and not _DEVICE.search(ast.unparse(value)):
            reason = f"`.to({ast.unparse(value)})` may be more than a choice of device"
            return Refusal("chained-call", reason)
    return None


#: torch's losses that are called with `(input, target)`, in this order, and nothing else.
LIKE_LOSSES = frozenset(
    """
    BCELoss BCEWithLogitsLoss CrossEntropyLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss
    LinearCrossEntropyLoss MSELoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss
    NLLLoss NLLLoss2d SmoothL1Loss SoftMarginLoss
    """.split()  # noqa: SIM905 (a list would take a line a name)
)


def is_torch_loss(path: str) -> bool:
    """Tell whether a dotted path is of a loss of torch's that takes `(input, target)`."""
    module, _, name = path.rpartition(".")
    modules = ("torch.nn", "torch.nn.modules", "torch.nn.modules.loss")
    return name in LIKE_LOSSES and module in modules


#: The classes that torch's losses inherit from.
_BASES = frozenset({"Module", "_Loss", "_WeightedLoss"})


def asks_for_torch(names: Names, rules: Sequence[Rule], call: ast.Call, place: Place) -> bool:
    """Tell whether `call` asks for a class that torch's loss has and MindSpore's has not.

    Parameters
    ----------
    names : Names
    rules : sequence of Rule
        Of the instances that may be asked about.
    call : ast.Call
        `isinstance(criterion, nn.Module)` or any other call.
    place : Place
        Within the call.
    """
    if ast.unparse(call.func) != "isinstance" or len(call.args) != 2:
        return False
    classes = call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]]
    own = {path for rule in rules for path in (rule.source, *rule.aliases)}
    scope = names.scope_of(place)
    return any(
        meaning in own or (meaning.startswith("torch.nn.") and meaning.rpartition(".")[2] in _BASES)
        for each in classes
        for meaning in names.resolve(each, scope)
    )
