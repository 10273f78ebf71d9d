"""Every code that a finding can carry: what it means, why it exists and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes
    ----------
    id : str
        Kebab-case, as in the report.
    title : str
        What it means, in one line.
    why : str
        Why the tool does what it does there.
    remedy : str
        What to do, in one clause without a full stop; empty where there is nothing to do.
    example : str
        Code that gets this code.
    """

    id: str
    title: str
    why: str
    remedy: str
    example: str


_ALL = (
    # -- rewritten ------------------------------------------------------------------------------
    Code(
        "renamed",
        "The API was renamed; its arguments stay or change their names",
        "Both sides take the same arguments here, as the evidence shows.",
        "",
        "nn.CrossEntropyLoss(weight=w)  ->  mindspore.nn.CrossEntropyLoss(weight=w)",
    ),
    Code(
        "folded",
        "size_average and reduce were folded into reduction",
        "MindSpore has neither; torch derives reduction from them, and ignores the reduction that "
        "is passed beside them.",
        "",
        "nn.NLLLoss(size_average=False)  ->  mindspore.nn.NLLLoss(reduction='sum')",
    ),
    Code(
        "converted",
        "An argument's value was converted",
        "MindSpore takes label_smoothing as a float only, and does not know 'elementwise_mean'.",
        "",
        "nn.CrossEntropyLoss(label_smoothing=0)  ->  "
        "mindspore.nn.CrossEntropyLoss(label_smoothing=0.0)",
    ),
    Code(
        "call-keywords",
        "The keywords of an instance's call were renamed",
        "A torch loss is called with input and target, a MindSpore loss with logits and labels.",
        "",
        "criterion(input=x, target=y)  ->  criterion(logits=x, labels=y)",
    ),
    Code(
        "call-positional",
        "The keywords of a call were taken out",
        "What is called may be a migrated loss or another loss of torch's, and these differ in the "
        "names of their operands, but not in the order.",
        "",
        "criterion(input=x, target=y)  ->  criterion(x, y)",
    ),
    Code(
        "call-forward",
        "A call of .forward became a call of the instance",
        "A MindSpore Cell has no method forward; calling it computes the loss.",
        "",
        "criterion.forward(x, y)  ->  criterion(x, y)",
    ),
    Code(
        "labels-cast",
        "The labels were cast to int32",
        "The CrossEntropyLoss class of MindSpore takes no other class indices. With --labels cast, "
        "the cast is added where the source shows that the labels are class indices, and not "
        "probabilities, which it would destroy.",
        "",
        "criterion(x, y.long())  ->  criterion(x, y.long().astype(mindspore.int32))",
    ),
    Code(
        "called-through",
        "The call stays as it is: what its name holds was renamed",
        "The class or function reaches the call through a variable, a parameter or a partial; its "
        "arguments mean the same on both sides, as the evidence shows.",
        "",
        "Loss = nn.NLLLoss\nLoss()  ->  Loss = mindspore.nn.NLLLoss\nLoss()",
    ),
    Code(
        "construct",
        "The forward of a class that inherits from a loss became construct",
        "A Cell is called through construct. Its parameters input and target become logits and "
        "labels, as those of the base, so that calls by keyword reach both.",
        "",
        "class Mine(nn.NLLLoss):\n    def forward(self, input, target): ...  ->  "
        "class Mine(mindspore.nn.NLLLoss):\n    def construct(self, logits, labels): ...",
    ),
    Code(
        "operand",
        "A tensor that flows into or out of a loss moved with it",
        "Every use of it in its scope is understood, and each call gives the same shape, dtype and "
        "values under MindSpore.",
        "",
        "target = torch.tensor([1, 0, 4])  ->  "
        "target = mindspore.tensor([1, 0, 4], dtype=mindspore.int32)",
    ),
    Code(
        "subclass-call",
        "A call of a class that inherits from a loss, or of its base's constructor, moved with it",
        "Its arguments are those of torch's loss, and are folded and proven as in any other call.",
        "",
        "super().__init__(weight, False)  ->  super().__init__(weight, reduction='sum')",
    ),
    # -- notes ----------------------------------------------------------------------------------
    Code(
        "keywords-kept",
        "A call of an instance by keywords stays as it is, and is proven so",
        "The losses of mindspore.mint are called with input and target, as torch's are.",
        "",
        "criterion(input=x, target=y)  ->  criterion(input=x, target=y)",
    ),
    Code(
        "container-renamed",
        "A ModuleList or ModuleDict became a CellList or CellDict",
        "It holds migrated losses and nothing else, and containers of torch take no Cell.",
        "MindSpore's containers are looped over, indexed and added to in the same way",
        "nn.ModuleList([nn.NLLLoss()])  ->  mindspore.nn.CellList([mindspore.nn.NLLLoss()])",
    ),
    Code(
        "device-removed",
        "A call of .cuda(), .cpu() or .to(device) on a loss was removed",
        "A MindSpore Cell runs where the context says, and has no such method.",
        "choose the device once with mindspore.set_device",
        "nn.NLLLoss().cuda()  ->  mindspore.nn.NLLLoss()",
    ),
    Code(
        "unknown-name",
        "A customary name such as nn or F is not known to be torch here",
        "A parameter or an unbound name can be anything, so nothing is claimed and nothing edited.",
        "import the module in this file if it is torch's",
        "def loss(F): return F.cross_entropy(x, y)",
    ),
    Code(
        "other-path",
        "A torch API with a covered name under a path that no rule covers",
        "Other APIs of that name take other arguments.",
        "migrate it by hand, or use the public API that a rule covers",
        "torch.ops.aten.nll_loss(x, y)",
    ),
    Code(
        "string-path",
        "A string that spells the path of a covered API",
        "What reads the string, a registry or a mock, decides what it means.",
        "change the string together with what reads it",
        'mock.patch("torch.nn.functional.cross_entropy")',
    ),
    Code(
        "unused-import",
        "A covered API is imported and not used in this file",
        "Another file may import it from here, so the import stays.",
        "remove the import if nothing needs it",
        "from torch.nn import NLLLoss",
    ),
    # -- handed over ----------------------------------------------------------------------------
    Code(
        "ambiguous-name",
        "The name can mean torch's API or something else",
        "Which of the two it is depends on how the program runs.",
        "give the two different names, or import torch's under one of its own",
        "try:\n    from torch.nn import NLLLoss\nexcept ImportError:\n    from mine import NLLLoss",
    ),
    Code(
        "star-import",
        "The name may come from a star import",
        "What a star import binds is not in this file.",
        "import the name explicitly",
        "from layers import *\nNLLLoss()",
    ),
    Code(
        "star-arguments",
        "Positional arguments are unpacked from a sequence",
        "Which parameter each one reaches is known only when the program runs.",
        "write the arguments out",
        "nn.NLLLoss(*args)",
    ),
    Code(
        "star-keywords",
        "Keyword arguments are unpacked from a mapping",
        "It may hold size_average or reduce, which MindSpore refuses.",
        "write the arguments out",
        "nn.NLLLoss(**options)",
    ),
    Code(
        "too-many-arguments",
        "More positional arguments than the API has parameters",
        "torch raises a TypeError here.",
        "correct the call",
        "nn.NLLLoss(w, None, -100, None, 'mean', 0)",
    ),
    Code(
        "unknown-keyword",
        "A keyword that the API does not have",
        "torch raises a TypeError here.",
        "correct the call",
        "nn.NLLLoss(weights=w)",
    ),
    Code(
        "doubled-argument",
        "One parameter is given twice",
        "torch raises a TypeError here.",
        "drop one of the two",
        "nn.NLLLoss(w, weight=w)",
    ),
    Code(
        "missing-argument",
        "A required argument is missing",
        "torch raises a TypeError here, unless the call is completed elsewhere.",
        "pass it",
        "F.nll_loss(x)",
    ),
    Code(
        "side-effect",
        "An argument with a possible side effect would not be evaluated once and in order",
        "Folding would evaluate it twice, not at all, or after another call.",
        "assign it to a variable in the line before, and pass the variable",
        "nn.NLLLoss(size_average=read_flag())",
    ),
    Code(
        "value-refused",
        "MindSpore, or torch itself, refuses a value",
        "The rewritten call would raise where the old one does not, or compute where it raises.",
        "choose a value that both take",
        "nn.CrossEntropyLoss(ignore_index=None)",
    ),
    Code(
        "comment-in-argument",
        "A comment would be lost",
        "It stands within an argument that goes or is replaced.",
        "move the comment to a line of its own above the call",
        "nn.NLLLoss(size_average=(  # old\n    False))",
    ),
    Code(
        "mixed-line-ends",
        "The lines of one call end in different ways",
        "Rewriting the call would have to choose one of them.",
        "give the file one kind of line end",
        "nn.NLLLoss(\\r\\n    size_average=False\\n)",
    ),
    Code(
        "chained-call",
        "Something else than a choice of device is chained on the constructor",
        "A MindSpore Cell has no .train, .eval, .float, .double, .half, .parameters or .forward.",
        "drop the call if the loss does not need it, or move it to a line of its own",
        "nn.NLLLoss().double()",
    ),
    Code(
        "instance-attribute",
        "The instance is used in a way that MindSpore's counterpart does not have",
        "Rewriting the constructor alone would break that use.",
        "change that line first, or rewrite the two together",
        "criterion = nn.NLLLoss()\ncriterion.double()",
    ),
    Code(
        "torch-container",
        "The instance is put into a container of torch's",
        "ModuleList, ModuleDict and Sequential take modules of torch only, and a Cell is none.",
        "keep the losses in a plain list or dict, or in mindspore.nn.CellList",
        "losses = nn.ModuleList([nn.NLLLoss()])",
    ),
    Code(
        "keyword-call",
        "A call with input= or target= reaches, or may reach, the instance",
        "MindSpore's instances take logits and labels; rewriting the constructor alone would break "
        "the call.",
        "pass the two by position there",
        "criterion = nn.NLLLoss() if a else Mine()\ncriterion(input=x, target=y)",
    ),
    Code(
        "assigned-alias",
        "The API is called through a variable",
        "Other values may be assigned to the variable, and its other uses would change with it.",
        "call the API by its own name",
        "Loss = nn.NLLLoss\nLoss()",
    ),
    Code(
        "assigned-api",
        "The file replaces the API itself",
        "After the assignment the name no longer means torch's function.",
        "decide what the replacement becomes, and rename by hand",
        "torch.nn.functional.cross_entropy = mine",
    ),
    Code(
        "reference",
        "The API is used without being called",
        "What is done with it, and with which arguments, is decided elsewhere.",
        "rename it together with the code that uses it",
        "isinstance(loss, nn.NLLLoss)",
    ),
    Code(
        "subclass",
        "A class inherits from the API",
        "Its methods override or call torch's, which the base class of MindSpore does not have.",
        "inherit from the MindSpore class and turn forward into construct",
        "class Mine(nn.NLLLoss): ...",
    ),
    Code(
        "getattr",
        "The API is looked up by a string",
        "What is done with the result is not seen.",
        "write the attribute out",
        "getattr(nn, 'NLLLoss')",
    ),
    Code(
        "re-export",
        "The API is imported for others to import from here",
        "Whoever imports it may rely on its being torch's.",
        "change it together with those who import it",
        "# __init__.py\nfrom torch.nn import NLLLoss",
    ),
    Code(
        "inside-f-string",
        "The use stands inside an f-string",
        "Positions and quotes inside an f-string cannot be edited safely.",
        "assign the value to a variable in the line before",
        'f"{F.nll_loss(x, y)}"',
    ),
    Code(
        "name-clash",
        "Every name for the import of MindSpore is taken in this file",
        "The names mindspore, ms and mindspore_ mean something else where the site stands.",
        "rename one of them",
        "def f(mindspore, ms, mindspore_): return F.nll_loss(x, y)",
    ),
    Code(
        "unreadable-call",
        "The call cannot be read by the library that rewrites it",
        "LibCST refuses a few forms that Python takes.",
        "put a space behind `not`, `and` and `or` there",
        "nn.NLLLoss(size_average=not(a if b else c))",
    ),
    Code(
        "torchscript",
        "The use is compiled by TorchScript",
        "torch.jit compiles the function, and takes nothing of MindSpore's.",
        "take torch.jit off first",
        "@torch.jit.script\ndef loss(x, y): return F.cross_entropy(x, y)",
    ),
    Code(
        "backward",
        "A migrated loss is differentiated by .backward()",
        "MindSpore's tensors have no such method: it differentiates functions, and gives the "
        "gradients back instead of keeping them in the tensors. A note tells of a loss that was "
        "MindSpore's before.",
        "compute the loss in a function, and differentiate it with mindspore.value_and_grad",
        "loss = criterion(model(x), y)\nloss.backward()  ->  loss, grads = "
        "mindspore.value_and_grad(lambda: criterion(model(x), y), None, "
        "model.trainable_params())()",
    ),
    Code(
        "tensor-lacks",
        "A migrated loss is asked for what MindSpore's tensors do not have",
        "What a migrated loss gives is MindSpore's: `.detach()`, `.cpu()`, `.size()` and a format "
        "fail there, `.std()` divides by n, methods in place such as `.mul_(2)` leave it as it is, "
        "and torch's functions, tensors and dtypes take nothing of MindSpore's. Where such a use "
        "can be edited, it moves; in an f-string, behind a walrus, between comments or out of a "
        "container it stays. A note tells of a loss that was MindSpore's before.",
        "write what the finding says",
        'print(f"{loss:.3f}")  ->  print(f"{loss.item():.3f}")',
    ),
    Code(
        "too-many-names",
        "The call has more free names than a proof can go through",
        "Every combination of their values is evaluated, and none is left to chance.",
        "compute size_average and reduce in lines of their own, and pass the two names",
        "nn.NLLLoss(w, a if b else c, i, d if e else f, r)",
    ),
    Code(
        "unproven",
        "Before and after could not be shown to compute the same",
        "What is not proven is not written.",
        "compare the two by hand; if they are equal, please report the call",
        "a rule whose parameters travel wrongly",
    ),
)

#: By id, in the order of the documentation.
CODES: Mapping[str, Code] = MappingProxyType({code.id: code for code in _ALL})
