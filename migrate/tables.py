"""From a TOML file to a struct, or to an error that names the file, the key and what was expected.

msgspec says tersely what is wrong, and not in which entry of a dict; what it leaves out is added.
"""

import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from migrate.errors import RuleError

_Table = TypeVar("_Table", bound=Struct)


class MalformedError(Exception):
    """A key, what is wrong with it and what was expected; who reads the file adds its name."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        super().__init__(f"{key}: {what}" if key else what)
        self.remedy = remedy


def default_directory() -> Path:
    """Return the folder of the rules: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "rules"
    return installed if installed.is_dir() else package.parent / "rules"


def read(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    RuleError
        If it cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise RuleError(f"{file}: {error.strerror}", remedy="make the file readable") from error
    except UnicodeDecodeError as error:
        what = f"{file}: not UTF-8 at byte {error.start}"
        raise RuleError(what, remedy="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise RuleError(
            f"{file}: not valid TOML: {error}",
            remedy="mend the syntax there",
            line=int(line[1]) if line else None,
        ) from error


def convert(document: dict[str, Any], table: type[_Table]) -> _Table:
    """Return the document as a struct.

    Raises
    ------
    MalformedError
        If a key is missing, unknown or holds what it may not.
    """
    try:
        return msgspec.convert(document, table)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise _explained(document, table, where.removesuffix("`"), what) from error


def _explained(
    document: dict[str, Any], table: type[Struct], key: str, what: str
) -> MalformedError:
    shown = key
    if found := re.match(r"(\w+)\[\.\.\.\]", key):
        inner = _table_at(table, found[0])
        entries = document[found[1]].items()
        guilty = next(name for name, entry in entries if not _sound(entry, inner))
        shown = f"{found[1]}.{guilty}{key.removeprefix(found[0])}"
    if found := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", what):
        shown = f"{shown}.{found[2]}".lstrip(".")
        if found[1] == "missing required":
            return MalformedError(shown, "the key is missing", "add it, as docs/rules.md says")
        known = ", ".join(_table_at(table, key).__struct_fields__)
        return MalformedError(shown, "unknown key", f"expected one of {known}")
    if what.startswith("Invalid enum value"):
        parent, _, name = re.sub(r"\[\d+\]$", "", key).rpartition(".")
        hint = typing.get_type_hints(_table_at(table, parent))[name]
        choices = (leaf for leaf in _leaves(hint) if isinstance(leaf, str))
        return MalformedError(shown, what, f"expected one of {', '.join(choices)}")
    return MalformedError(shown, what, "write what docs/rules.md says")


def _sound(entry: object, table: type[Struct]) -> bool:
    try:
        msgspec.convert(entry, table)
    except msgspec.ValidationError:
        return False
    return True


def _table_at(table: type[Struct], key: str) -> type[Struct]:
    for part in key.replace("[...]", "").split(".") if key else ():
        hint = typing.get_type_hints(table)[part.partition("[")[0]]
        table = next(leaf for leaf in _leaves(hint) if _is_struct(leaf))
    return table


def _is_struct(leaf: object) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, Struct)


def _leaves(hint: Any) -> Iterator[Any]:
    inner = typing.get_args(hint)
    if not inner:
        yield hint
    for each in inner:
        yield from _leaves(each)
