"""The ways in which the code is broken: the fold, the map of the arguments, and the readers."""

from __future__ import annotations

from mutating import Mutation

# -- size_average and reduce into reduction ------------------------------------------------------


def _fold(name: str, right: str, wrong: str, *calls: str) -> Mutation:
    return Mutation(name, "migrate.fold", right, wrong, calls)


FOLD = (
    _fold("sum and mean are swapped",
          "return _choose(size_average, held, MEAN, SUM)",
          "return _choose(size_average, held, SUM, MEAN)",
          "nn.NLLLoss(size_average=False)", "F.nll_loss(x, y, size_average=a)"),
    _fold("sum and mean are swapped beside reduce",
          "in_force = _choose(size_average, MEAN, MEAN, SUM)",
          "in_force = _choose(size_average, MEAN, SUM, MEAN)",
          "nn.NLLLoss(size_average=False, reduce=True)", "nn.NLLLoss(None, a, -100, True)"),
    _fold("no size_average counts as False",
          "in_force = _choose(size_average, MEAN, MEAN, SUM)",
          "in_force = _choose(size_average, SUM, MEAN, SUM)",
          "nn.NLLLoss(reduce=True)", "F.cross_entropy(x, y, reduce=True, size_average=None)"),
    _fold("reduce is turned round",
          "return in_force if reduce.value else NONE",
          "return NONE if reduce.value else in_force",
          "nn.NLLLoss(reduce=False)", "nn.CrossEntropyLoss(reduce=True)"),
    _fold("identity for the truth of a literal",
          "return in_force if reduce.value else NONE",
          "return in_force if reduce.value is True else NONE",
          "nn.NLLLoss(reduce=1)", "nn.NLLLoss(reduce='mean')"),
    _fold("identity for the truth of another literal",
          "return true if operand.value else false",
          "return false if operand.value is False else true",
          "nn.NLLLoss(size_average=0)", "F.nll_loss(x, y, None, '')"),
    _fold("None forgotten: size_average=None is as False",
          "return Choice(Test.FALSE, name, false, true)",
          "return Choice(Test.UNTRUE, name, false, true)",
          "nn.NLLLoss(size_average=a)", "F.cross_entropy(x, y, None, a)"),
    _fold("None forgotten: reduce=None is as False",
          "return Choice(Test.FALSE, (reduce.name,), NONE, in_force)",
          "return Choice(Test.UNTRUE, (reduce.name,), NONE, in_force)",
          "nn.NLLLoss(size_average=False, reduce=b)"),
    _fold("reduce alone sums",
          "return _choose(reduce, held, MEAN, NONE)",
          "return _choose(reduce, held, SUM, NONE)",
          "nn.NLLLoss(reduce=b)"),
    _fold("the given reduction is kept beside a legacy argument",
          "held = _held(reduction)\n",
          "held = _held(reduction)\n    if reduction.known is not Known.ABSENT:\n"
          "        return held\n",
          "nn.NLLLoss(size_average=False, reduction='mean')",
          "F.nll_loss(x, y, reduce=b, reduction=r)"),
    _fold("the given reduction is forgotten where both are None",
          "return Use(reduction.name)", "return MEAN",
          "nn.NLLLoss(size_average=a, reduction=r)"),
    _fold("the given literal is forgotten where both are None",
          "return Text(reduction.value)", "return MEAN",
          "nn.NLLLoss(size_average=None, reduction='sum')",
          "F.cross_entropy(x, y, reduce=b, reduction='sum')"),
    _fold("`not` is lost",
          "none, true, false = false, false, true", "none, true, false = true, true, false",
          "nn.NLLLoss(size_average=not a)", "nn.NLLLoss(reduce=not b)"),
    _fold("only one of the two is tested for None",
          "(size_average.name, reduce.name),\n        held,",
          "(reduce.name,),\n        held,",
          "nn.NLLLoss(size_average=a, reduce=b, reduction=r)"),
    _fold("the branches of a bool change places",
          "return Choice(Test.UNTRUE, (reduce.name,), NONE, in_force)",
          "return Choice(Test.TRUE, (reduce.name,), NONE, in_force)",
          "nn.NLLLoss(size_average=a, reduce=b == 1)"),
)  # fmt: skip

# -- where each argument goes --------------------------------------------------------------------


def _map(name: str, module: str, right: str, wrong: str, *calls: str) -> Mutation:
    return Mutation(name, f"migrate.{module}", right, wrong, calls)


ARGUMENTS = (
    _map("a weight is dropped", "rewrite",
         "entries.append(Entry(index, travel.to, value) if travel.to else None)",
         "entries.append(Entry(index, travel.to, value) if travel.to not in (None, 'weight')"
         " else None)",
         "nn.NLLLoss(weight=w)", "F.cross_entropy(x, y, w)"),
    _map("the old name is kept", "rewrite",
         "Entry(index, travel.to, value) if travel.to",
         "Entry(index, argument.parameter, value) if travel.to",
         "F.nll_loss(input=x, target=y)"),
    _map("two weights change places", "rewrite",
         "Entry(index, travel.to, value) if travel.to",
         "Entry(index, {'weight': 'ignore_index', 'ignore_index': 'weight'}.get(travel.to,"
         " travel.to), value) if travel.to",
         "nn.NLLLoss(weight=w, ignore_index=1)", "nn.NLLLoss(ignore_index=k)"),
    _map("every position is shifted by one", "sites",
         "in zip(parameters, positional, strict=False)",
         "in zip(parameters[1:], positional, strict=False)",
         "nn.NLLLoss(w)", "nn.CrossEntropyLoss(w, a)"),
    _map("one keyword is taken for another", "sites",
         "bound.append(Argument(name, keyword.value, keyword))",
         "bound.append(Argument({'reduce': 'size_average'}.get(name, name), keyword.value,"
         " keyword))",
         "nn.NLLLoss(reduce=False)", "F.cross_entropy(x, y, reduce=b)"),
    _map("a keyword is lost", "render",
         "return arg.with_changes(value=value, keyword=cst.Name(entry.keyword))",
         "return arg.with_changes(value=value, keyword=None, equal=cst.MaybeSentinel.DEFAULT)",
         "nn.NLLLoss(ignore_index=1, size_average=False)"),
    _map("what no longer fits its position stays there", "render",
         "keyword=cst.Name(entry.keyword), equal=_tight_equal())\n\n\ndef _value",
         ")\n\n\ndef _value",
         "nn.NLLLoss(w, f(a) == 1, 255)"),
    _map("logits and labels change places", "rewrite",
         "Entry(index, travel.to, value) if travel.to",
         "Entry(index, {'inputs': 'target', 'target': 'inputs'}.get(travel.to, travel.to), value)"
         " if travel.to",
         "F.nll_loss(input=x, target=y)"),
    _map("size_average and reduce are swapped", "rewrite",
         'for name in ("size_average", "reduce", "reduction")\n    ]',
         'for name in ("reduce", "size_average", "reduction")\n    ]',
         "nn.NLLLoss(size_average=False)", "nn.NLLLoss(reduce=b)"),
    _map("the folded reduction is not written", "rewrite",
         'entries[at] = Entry(at, "reduction", outcome)', "entries[at] = None",
         "nn.NLLLoss(size_average=False)", "F.nll_loss(x, y, reduce=b)"),
    _map("every literal counts as the default", "rewrite",
         "if outcome == fold.Text(default):", "if isinstance(outcome, fold.Text):",
         "nn.NLLLoss(reduce=False)"),
    _map("the old reduction stays where the default is in force", "rewrite",
         "        if here is not None:\n            entries[here] = None\n        return {}",
         "        return {}",
         "nn.NLLLoss(size_average=True, reduction='sum')"),
    _map("an int stays an int", "rewrite",
         "return Conversion(text=repr(float(value.value)))", "return None",
         "nn.CrossEntropyLoss(label_smoothing=0)"),
    _map("what may be an int stays one", "rewrite",
         'return Conversion(function="float")', "return None",
         "nn.CrossEntropyLoss(label_smoothing=s)"),
    _map("torch's old word for the mean stays", "rewrite",
         "return Conversion(text=repr(other))", "return None",
         "nn.NLLLoss(reduction='elementwise_mean')",
         "F.nll_loss(x, y, reduction='elementwise_mean')"),
    _map("one operand that may be None makes a bool of all", "operands",
         "return all(is_boolean(value, names, scope) for value in expression.values)",
         "return any(is_boolean(value, names, scope) for value in expression.values)",
         "nn.NLLLoss(size_average=(a == 1) and b)"),
)  # fmt: skip

# -- what torch and MindSpore make of a call -----------------------------------------------------


def _read(name: str, module: str, right: str, wrong: str, *calls: str) -> Mutation:
    return Mutation(name, f"migrate.prove.{module}", right, wrong, calls)


def _lenient(
    name: str, module: str, right: str, code: str, wrong: tuple[str, str], *readers: object
) -> Mutation:
    """Return a mutation under which what is right stays proven, and something wrong is too."""
    return Mutation(name, f"migrate.prove.{module}", right, code, (), wrong, readers)


READERS = (
    _read("torch: None forgotten beside reduce", "torch_side",
          "averages = size_average is None or truth(size_average)",
          "averages = size_average is not None and truth(size_average)",
          "nn.NLLLoss(reduce=True)"),
    _read("torch: identity for truth", "torch_side",
          "averages = size_average is None or truth(size_average)",
          "averages = size_average is None or size_average is True",
          "nn.NLLLoss(size_average=1)", "nn.NLLLoss(size_average=a)"),
    _read("torch: sum and none are swapped", "torch_side",
          'return "sum" if reduce is None or truth(reduce) else "none"',
          'return "none" if reduce is None or truth(reduce) else "sum"',
          "nn.NLLLoss(size_average=False)"),
    _read("torch: the given reduction holds all the same", "torch_side",
          "if size_average is None and reduce is None:",
          "if values['reduction'] != 'mean' or (size_average is None and reduce is None):",
          "nn.NLLLoss(size_average=True, reduction='sum')"),
    _read("torch: one None is enough", "torch_side",
          "if size_average is None and reduce is None:",
          "if size_average is None or reduce is None:",
          "nn.NLLLoss(size_average=False)"),
    _read("torch: the two are read for each other", "torch_side",
          'size_average, reduce = values["size_average"], values["reduce"]',
          'reduce, size_average = values["size_average"], values["reduce"]',
          "nn.NLLLoss(size_average=False)"),
    _read("torch: its old word for the mean is not known", "torch_side",
          'reduction = "mean" if reduction == "elementwise_mean" else reduction',
          "reduction = str(reduction)",
          "nn.NLLLoss(reduction='elementwise_mean')"),
    _read("torch: the weight is not read", "torch_side",
          'weight=cast("Tensor | None", accept(parameters["weight"], values["weight"])),',
          "weight=None,",
          "nn.NLLLoss(weight=w)"),
    _read("torch: smoothing is none below 1", "torch_side",
          "label_smoothing=smoothing if smoothing > 0 else 0.0",
          "label_smoothing=smoothing if smoothing >= 1 else 0.0",
          "nn.CrossEntropyLoss(label_smoothing=0.1)"),
    _read("MindSpore: the default for the given index", "mindspore_side",
          'accept_index(parameters["ignore_index"], values["ignore_index"])',
          'accept_index(parameters["ignore_index"], -100)',
          "nn.NLLLoss(ignore_index=1)"),
    _read("MindSpore: no smoothing", "mindspore_side",
          'smoothing = cast(float, taken.get("label_smoothing", 0.0))',
          "smoothing = 0.0",
          "nn.CrossEntropyLoss(label_smoothing=0.1)"),
    _read("MindSpore: always in a shape of its own", "mindspore_side",
          'flattened=taken["reduction"] != values["reduction"]', "flattened=True",
          "F.nll_loss(x, y, reduction='none')"),
    _read("a bound is refused itself", "reading",
          "parameter.minimum is not None and value < parameter.minimum",
          "parameter.minimum is not None and value <= parameter.minimum",
          "nn.CrossEntropyLoss(label_smoothing=0.0)"),
    _read("a default changes", "sides",
          "{each.name: each.default for each in parameters if each.name not in given}",
          "{each.name: each.default or 0.1 for each in parameters if each.name not in given}",
          "nn.CrossEntropyLoss()", "F.nll_loss(x, y)"),
    _read("positions are bound from the end", "sides",
          "written = list(zip(names, call.args, strict=False))",
          "written = list(zip(reversed(names), call.args, strict=False))",
          "nn.NLLLoss(w, False)"),
    _read("positions are bound from the second", "sides",
          "written = list(zip(names, call.args, strict=False))",
          "written = list(zip(names[1:], call.args, strict=False))",
          "nn.NLLLoss(w, False)"),
    # These leave every correct rewrite proven. Each lets a wrong one pass.
    _lenient("any type is taken", "reading",
             "if parameter.accepts and kind not in parameter.accepts:", "if False:",
             ("nn.CrossEntropyLoss(label_smoothing=0)", "nn.CrossEntropyLoss(label_smoothing=0)"),
             "mindspore", "torch.nn.CrossEntropyLoss", {"label_smoothing": 0}),
    _lenient("no number is too small", "reading",
             "if parameter.minimum is not None and value < parameter.minimum:", "if False:",
             ("nn.CrossEntropyLoss(label_smoothing=-0.1)",
              "nn.CrossEntropyLoss(label_smoothing=-0.1 if a else 0.0)"),
             "mindspore", "torch.nn.CrossEntropyLoss", {"label_smoothing": -0.1}),
    _lenient("a word that MindSpore does not know is as the first it knows", "reading",
             "return parameter.otherwise", "return 'mean'",
             ("F.nll_loss(x, y)", "ops.nll_loss(x, y, reduction='elementwise_mean')"),
             "mindspore", "torch.nn.functional.nll_loss", {"reduction": "elementwise_mean"}),
    _lenient("MindSpore: never in a shape of its own", "mindspore_side",
             'flattened=taken["reduction"] != values["reduction"]', "flattened=False",
             ("F.nll_loss(x, y, reduce=False)", "ops.nll_loss(x, y, reduction='elementwise_mean')"),
             "mindspore", "torch.nn.functional.nll_loss", {"reduction": "elementwise_mean"}),
    _lenient("truth is identity", "reading",
             "return bool(value)", "return value is True",
             ("nn.NLLLoss(reduce=a)",
              "nn.NLLLoss(reduction='mean' if a is True or a is None else 'none')"),
             "torch", "torch.nn.NLLLoss", {"reduce": 1}),
    _lenient("a keyword that is not known is taken", "sides",
             'failure = failure or Failed("TypeError", f"unexpected keyword {name}")', "pass",
             ("nn.NLLLoss(size_average=True)", "nn.NLLLoss(size_average=True)"),
             "keyword", "torch.nn.NLLLoss", {"size_average": True}),
    _lenient("None is no value of a flag", "domains",
             '"flag": (None, True, False, 0, 1, "none")', '"flag": (True, False, 0, 1, "none")',
             ("nn.NLLLoss(size_average=a)", "nn.NLLLoss(reduction='mean' if a else 'sum')")),
    _lenient("a weight is never given", "domains",
             '"weight": (None, POSITIVE_WEIGHT, ZERO_WEIGHT)', '"weight": (None,)',
             ("nn.NLLLoss(weight=w)", "nn.NLLLoss()")),
    _lenient("events are not compared", "trials",
             "if first.events != second.events:", "if False:",
             ("nn.NLLLoss(f(), size_average=not b())",
              "nn.NLLLoss(reduction='sum' if b() else 'mean', weight=f())")),
    _lenient("tensors may change places", "trials",
             "if (one.input, one.target) != (other.input, other.target):", "if False:",
             ("F.nll_loss(x, y)", "ops.nll_loss(y, x)")),
)  # fmt: skip

# -- what the proof believes ---------------------------------------------------------------------


def _believed(name: str, right: str, wrong: str, fixture: str) -> Mutation:
    return Mutation(name, "migrate.operands", right, wrong, fixture=fixture)


#: That a name is a bool, and never None, is read from the file around the call. The proof sees the
#: call alone, and believes it: these make wrong rewrites that count as proven. Fixtures hold them.
BELIEVED = (
    _believed("a default of None is overlooked",
              "and (default is None or is_boolean(default, names, scope))", "and True",
              "nn.CrossEntropyLoss/annotated-flag-that-may-be-none"),
    _believed("an assignment to the parameter is overlooked",
              "len(found[0]) != 1 or found[0][0].statement is not None",
              "False",
              "nn.CrossEntropyLoss/annotated-flag-that-may-be-none"),
    _believed("an assignment from within another function is overlooked",
              "if names.is_rebound_from_within(name):", "if False:",
              "nn.NLLLoss/flag-rebound-from-within"),
    _believed("a function that is called bool is taken for the builtin",
              "and names.lookup(expression.func.id, scope) == {UNBOUND}", "and True",
              "nn.NLLLoss/flag-known-to-be-a-bool-not"),
)  # fmt: skip
