"""What torch's losses have that MindSpore's have as well, and which calls only choose a device."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrate.match import Refusal, Site
from migrate.operands import is_pure, literal
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


#: What holds modules of torch by an index or a key.
TORCH_CONTAINERS = frozenset(
    f"{module}.{name}"
    for module in ("torch.nn", "torch.nn.modules", "torch.nn.modules.container")
    for name in ("ModuleDict", "ModuleList")
)


def is_torch_loss(path: str) -> bool:
    """Tell whether a dotted path is of a loss of torch's that takes `(input, target)`."""
    module, _, name = path.rpartition(".")
    modules = ("torch.nn", "torch.nn.modules", "torch.nn.modules.loss")
    return name in LIKE_LOSSES and module in modules


def set_otherwise(sites: Sequence[Site], place: Place, attribute: ast.Attribute) -> str | None:
    """Return why setting a common attribute is not what it is in torch, or None.

    In graph mode MindSpore compiles a Cell at its first call, and does not see what is set later
    (rules/differences/instance-settings.toml). So nothing may stand between the constructor and
    the assignment but other assignments of this kind.

    Parameters
    ----------
    sites : sequence of Site
        The constructors whose instance it may be.
    place : Place
        Of the instance, of which `attribute` is set.
    attribute : ast.Attribute
    """
    where = f"line {attribute.lineno} sets `.{attribute.attr}` of the instance"
    late = f"{where}, which MindSpore does not see after the first call in graph mode"
    statement = place.parent(2)
    block = next((b for b in _blocks(place.parent(3)) if statement in b), None)
    holder = ast.unparse(attribute.value)
    if block is None or not _sets(statement, holder):
        return late
    assert isinstance(statement, ast.Assign)
    index = block.index(statement)
    while index and _sets(block[index], holder):
        index -= 1
    made = block[index]
    if not (
        isinstance(made, ast.Assign)
        and [ast.unparse(target) for target in made.targets] == [holder]
        and any(node is site.call for site in sites for node in ast.walk(made.value))
    ):
        return late
    known = literal(statement.value)
    for parameter in sites[0].rule.target_parameters:
        if known is not None and parameter.name == attribute.attr:
            kind = "None" if known.value is None else type(known.value).__name__
            if (parameter.accepts and kind not in parameter.accepts) or (
                parameter.one_of and known.value not in parameter.one_of
            ):
                return f"{where} to {known.value!r}, which MindSpore refuses or takes otherwise"
    return None


def _blocks(node: ast.AST | None) -> list[list[ast.stmt]]:
    fields = (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
    return [field for field in fields if isinstance(field, list)]


def _sets(statement: ast.AST | None, holder: str) -> bool:
    """Tell whether a statement sets one common attribute of `holder`, and does not call it."""
    return (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(target := statement.targets[0], ast.Attribute)
        and target.attr in COMMON_ATTRIBUTES
        and ast.unparse(target.value) == holder
        and not any(
            isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node) == holder
            for node in ast.walk(statement.value)
        )
    )


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
