"""A case folder under `tests/fixtures/<rule slug>/<case>/`, read.

    before.py      the file as a user wrote it
    after.py       exactly what it becomes, byte for byte; or
    refusal.txt    that it stays as it is: the codes expected, or `untouched` for a look-alike, then
                   a line of prose that says why
    findings.json  exactly what is reported, in order
    path.txt       what the file is called, where that matters (`__init__.py`)
    target.txt     the --target, where it is not the default

Every case with an `after.py` has a negative twin beside it, `<case>-not`.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path

from migrate.ruleset import RuleSet, default_rules, load, target_directory

FIXTURES = Path(__file__).parent / "fixtures"

#: The first word of a refusal.txt: nothing is reported, or only notes.
UNTOUCHED = "untouched"


@dataclass(frozen=True, order=True)
class Reported:
    """One line of findings.json."""

    rule: str
    status: str
    code: str
    line: int
    column: int


@dataclass(frozen=True)
class Case:
    """One folder; its files are read when they are asked for."""

    folder: Path

    @property
    def id(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def slug(self) -> str:
        return self.folder.parent.name

    @property
    def before(self) -> bytes:
        return (self.folder / "before.py").read_bytes()

    @property
    def after(self) -> bytes:
        """What the file becomes; the same where it is handed over."""
        return self._after.read_bytes() if self.is_positive else self.before

    @property
    def is_positive(self) -> bool:
        return self._after.exists()

    @property
    def twin(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-not")

    @property
    def path(self) -> str:
        """The name under which it is migrated."""
        named = self.folder / "path.txt"
        return named.read_text().strip() if named.exists() else f"{self.id}/before.py"

    @property
    def rules(self) -> RuleSet:
        """Those of its target."""
        named = self.folder / "target.txt"
        if not named.exists():
            return default_rules()
        return load(target_directory(named.read_text().strip()))

    @property
    def findings(self) -> list[Reported]:
        return [
            Reported(**each) for each in json.loads((self.folder / "findings.json").read_text())
        ]

    @property
    def refusal(self) -> tuple[list[str], str] | None:
        """The codes in refusal.txt and the prose behind them."""
        file = self.folder / "refusal.txt"
        if not file.exists():
            return None
        codes, _, prose = file.read_text().partition("\n")
        return codes.split(), prose.strip()

    @property
    def judged(self) -> list[str]:
        """The functions that both frameworks are asked about: `def loss…(logits, labels, …)`."""
        return [
            node.name
            for node in ast.parse(self.before).body
            if isinstance(node, ast.FunctionDef)
            and node.name.startswith("loss")
            and [argument.arg for argument in node.args.args[:2]] == ["logits", "labels"]
        ]

    @property
    def _after(self) -> Path:
        return self.folder / "after.py"


def cases() -> list[Case]:
    """Return every case, in the order of the names."""
    return [Case(file.parent) for file in sorted(FIXTURES.glob("*/*/before.py"))]
