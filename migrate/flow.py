"""What is done in a file with the instances of its constructors, as far as it was found."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrate.containers import Container
from migrate.match import Refusal, Site
from migrate.places import Place
from migrate.resolve import Names


@dataclass(frozen=True, slots=True, eq=False)
class InstanceCall:
    """A call of an instance.

    Attributes
    ----------
    sites : tuple of Site
        The constructors whose instances may be what is called.
    call : ast.Call
    place : Place
        Of the call.
    at_once : bool
        Whether a constructor is called directly: `nn.NLLLoss()(input=x, target=y)`.
    forward : bool
        Whether it is called by its method: `criterion.forward(x, y)`.
    positional : bool
        Whether the keywords go, because it may also be another loss that knows no others.
    """

    sites: tuple[Site, ...]
    call: ast.Call
    place: Place
    at_once: bool = False
    forward: bool = False
    positional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DeviceCall:
    """A call of `.cuda`, `.cpu` or `.to` on an instance, to be removed.

    Attributes
    ----------
    sites : tuple of Site
    call : ast.Call
        `criterion.cuda()`, or the constructor with its chain up to here.
    place : Place
        Of the call.
    statement : ast.stmt or None
        The statement that goes with it: `criterion.cuda()` or `criterion = criterion.cuda()`.
    """

    sites: tuple[Site, ...]
    call: ast.Call
    place: Place
    statement: ast.stmt | None = None


@dataclass(slots=True)
class Flow:
    """What is done in a file with the instances of its constructors.

    Attributes
    ----------
    calls : list of InstanceCall
        Every call that reaches their instances and nothing else.
    edited_calls : list of InstanceCall
        Those whose keywords are to be renamed or to go, or that lose their `.forward`.
    device_calls : list of DeviceCall
    shown : list of (Site, Place)
        Calls within f-strings, each with a constructor whose instance may be called; the place is
        that of the f-string and the call.
    calls_abroad : list of (Names, InstanceCall)
        Those of other files of the project that are edited along with this one.
    containers : list of Container
        Those of torch's that become MindSpore's.
    refusals : dict of int to Refusal
        By the `id` of a site that must be handed over.
    """

    calls: list[InstanceCall] = field(default_factory=list)
    edited_calls: list[InstanceCall] = field(default_factory=list)
    device_calls: list[DeviceCall] = field(default_factory=list)
    shown: list[tuple[Site, Place]] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    calls_abroad: list[tuple[Names, InstanceCall]] = field(default_factory=list)
    refusals: dict[int, Refusal] = field(default_factory=dict)

    def refuse(self, site: Site, code: str, reason: str) -> None:
        """Hand a site over, for the first reason that is found."""
        # A call of which no name changes does not move with its constructor.
        if code != "keyword-call" or not site.rule.keeps_call:
            self.refusals.setdefault(id(site), Refusal(code, reason))
