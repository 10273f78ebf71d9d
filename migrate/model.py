"""The nouns of the domain, frozen: Rule, Span, Edit, Evidence, Finding, FileResult."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

#: A default written in a rule: any Python literal.
Literal_ = None | bool | int | float | str


#: What becomes of labels that MindSpore refuses: noted, or cast as well.
Labels = Literal["keep", "cast"]


class Status(StrEnum):
    """What became of a site."""

    REWRITTEN = "rewritten"
    MANUAL = "manual"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a source or target signature.

    Attributes
    ----------
    name : str
        The keyword under which it is passed.
    required : bool
        Whether the signature has no default for it.
    default : None, bool, int, float or str
        The default where `required` is False.
    accepts : tuple of str
        The types that it takes, of `migrate.ruleset.TYPES`; a bool is not an int here. Any other
        is refused. Empty where every type will do.
    one_of : tuple of str
        The values that it takes. Any other is refused, or read as `otherwise`. Empty where
        every value will do.
    otherwise : str or None
        What a value outside `one_of` is silently taken for.
    minimum, maximum : float or None
        A number below or above is refused, the bound itself is not, and a NaN is neither.
    finite : bool
        Whether infinities and NaN are refused.
    """

    name: str
    required: bool = False
    default: Literal_ = None
    accepts: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    otherwise: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    finite: bool = False


@dataclass(frozen=True, slots=True)
class Travel:
    """How one source parameter reaches the target.

    Attributes
    ----------
    domain : str
        The values that a free name in this place may take when a rewrite is proven: one of
        `migrate.prove.domains.DOMAINS`.
    to : str or None
        The target parameter it becomes, or None where it is folded.
    fold : str or None
        The target parameter it is folded into (`size_average` and `reduce` into `reduction`).
    convert : str or None
        A named conversion of the value on the way (`"float"` for `label_smoothing`).
    values : tuple of (str, str)
        Values that are spelled otherwise in the target, `("elementwise_mean", "mean")`.
    """

    domain: str
    to: str | None = None
    fold: str | None = None
    convert: str | None = None
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dtypes:
    """The dtypes of the logits on which a proof compares a rule's two sides.

    Attributes
    ----------
    indices, probabilities : tuple of str
        Beside class indices, and beside class probabilities of the same dtype.
    smoothed : tuple of str
        Those of `indices` that hold where the labels are smoothed too.
    """

    indices: tuple[str, ...] = ("float32", "float16")
    probabilities: tuple[str, ...] = ("float32", "float16")
    smoothed: tuple[str, ...] = ("float32", "float16")


@dataclass(frozen=True, slots=True)
class Rule:
    """One source API, its target, and how its parameters travel: one file in `rules/`.

    Attributes
    ----------
    source, target : str
        Dotted paths, `torch.nn.NLLLoss` and `mindspore.nn.NLLLoss`. `source` is the rule's id.
    aliases : tuple of str
        Every other path under which torch exposes the same object.
    kind : {"class", "function"}
        Whether the site constructs an instance that is called later, or computes at once.
    kernel : str
        The reference in `migrate.prove.kernel` that both sides compute.
    source_parameters, target_parameters : tuple of Parameter
        Both signatures, in order. For a class, of the constructor without `self`.
    source_call, target_call : tuple of str
        For a class, the parameter names when an instance is called; empty for a function.
    travel : dict of str to Travel
        By source parameter name; every source parameter has one.
    dtypes : Dtypes
        Those that the target takes, and returns, as the source does.
    """

    source: str
    target: str
    aliases: tuple[str, ...]
    kind: Literal["class", "function"]
    kernel: str
    source_parameters: tuple[Parameter, ...]
    target_parameters: tuple[Parameter, ...]
    source_call: tuple[str, ...]
    target_call: tuple[str, ...]
    travel: dict[str, Travel] = field(hash=False)
    dtypes: Dtypes = Dtypes()
    summary: str = ""
    why: str = ""
    source_documentation: str = ""
    target_documentation: str = ""
    source_versions: str = ""
    target_versions: str = ""

    @property
    def id(self) -> str:
        """The dotted source path: `torch.nn.CrossEntropyLoss`."""
        return self.source

    @property
    def slug(self) -> str:
        """The rule's short name in text output, file names and fixtures: `nn.CrossEntropyLoss`."""
        return self.source.removeprefix("torch.")

    @property
    def keeps_call(self) -> bool:
        """Whether an instance is called by the same names before and after."""
        return self.source_call == self.target_call


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of character offsets into the decoded text of a file."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A span of the file and the text that replaces it."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A call as it is, and as it will be.

    Attributes
    ----------
    rule : Rule
    before, after : str
        The text of the call: `nn.NLLLoss(w)`, with a chain `nn.NLLLoss().cuda()` (before only), or
        of a constructor that is called at once, `nn.NLLLoss()(x, y)`.
    call_before, call_after : str or None
        For a class, the text of a later call of its instance: `criterion(input=x, target=y)`.
    booleans : frozenset of str
        Expressions, as `ast.unparse` writes them, that are known to be True or False, never None.
    harmless : frozenset of str
        Arguments of a removed method, as `ast.unparse` writes them, that are known to do nothing
        but tell a device: `torch.device('cuda')`.
    indices : bool
        Whether the labels are known to be class indices, so that MindSpore's side may cast them.
    """

    rule: Rule
    before: str
    after: str
    call_before: str | None = None
    call_after: str | None = None
    booleans: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    indices: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """The cases on which before and after were evaluated and found equal.

    Attributes
    ----------
    cases : int
        How many combinations of free values, shapes, dtypes and target kinds were compared.
    max_error : float
        The largest difference in value or gradient over all cases, in units in the last place
        of the case's dtype.
    by : str
        What evaluated them: `"kernel"` for the NumPy reference.
    """

    cases: int
    max_error: float
    by: str = "kernel"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the tool says of a site.

    Attributes
    ----------
    rule : str
        The id of the rule whose API is used here.
    status : Status
        Rewritten, handed over, or a note.
    code : str
        Kebab-case reason, one a kind of finding; `migrate.codes.CODES` explains each.
    line, end_line : int
        Counted from 1, in the file as it was.
    column, end_column : int
        Counted from 0, in characters.
    message : str
        What was done or why not, and for a site that is handed over what to do.
    before, after : str or None
        The source text of the site, and what replaces it where it is rewritten.
    evidence : Evidence or None
        Present on every rewritten site.
    cell : int or None
        The index of a notebook's cell; None in a module.
    pairs : tuple of Pair
        What was proven, or could not be; empty where nothing was evaluated.
    """

    rule: str
    status: Status
    code: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    before: str
    after: str | None = None
    evidence: Evidence | None = None
    cell: int | None = None
    pairs: tuple[Pair, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A call in another file that has to change along with a constructor.

    Attributes
    ----------
    path : str
        Of that file.
    start : int
        The character at which the call begins there.
    rule : Rule
        Of the constructor.
    forward : bool
        Whether it is called by its method.
    pair : Pair
        What was proven: the constructor, and the call.
    evidence : Evidence
    """

    path: str
    start: int
    rule: Rule
    forward: bool
    pair: Pair
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class FileResult:
    """All that a run knows of one file.

    Attributes
    ----------
    path : str
        As the user would name it; `<string>` or `-` where there is no file.
    before, after : str or None
        The decoded text as it was and as it will be; None where the file has no covered use or
        could not be processed, so that a run over a large tree does not hold it in memory.
        Equal where nothing changes.
    findings : tuple of Finding
        In the order of the file.
    torch_left : tuple of str
        Sorted dotted names that the text after the rewrite still uses of torch.
    error : str or None
        What went wrong, with line and remedy, if the file could not be processed.
    traceback : str or None
        Where an error was not an expected one.
    claims : tuple of Claim
        The calls in other files that have to change along.
    """

    path: str
    before: str | None = None
    after: str | None = None
    findings: tuple[Finding, ...] = ()
    torch_left: tuple[str, ...] = ()
    error: str | None = None
    traceback: str | None = None
    claims: tuple[Claim, ...] = field(default=(), repr=False)

    @property
    def changed(self) -> bool:
        """Whether the file's text differs after the rewrite."""
        return self.before != self.after

    def with_status(self, status: Status) -> tuple[Finding, ...]:
        """Return the findings that have `status`, in the order of the file."""
        return tuple(finding for finding in self.findings if finding.status is status)
