"""What a run prints: each file as its answer comes, then the summary."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from migrate.pipeline import FileMigration
from migrate.report import text
from migrate.report.summary import Summary, Verb


def tell(
    results: Iterable[FileMigration], verb: Verb, *, form: str, verbose: bool, human: TextIO
) -> Summary:
    """Print what became of every file.

    Parameters
    ----------
    results : iterable of FileMigration
    verb : Verb
        `diff` prints patches on standard output beside the lines.
    form : {"text", "json"}
        Lines on `human`, or one document on standard output at the end.
    verbose : bool
        Whether to name what changed files still use of torch.
    human : TextIO
        Where lines for people go.

    Returns
    -------
    Summary
    """
    show, show_patch = text.printer(human), text.patch_printer(sys.stdout)
    told, files = [], 0
    for result in results:
        files += 1
        if result.error is None and not result.findings:
            continue
        told.append(result)
        if result.traceback is not None:
            text.plain_printer(sys.stderr)(((text.visible_lines(result.traceback), ""),))
        if form == "json":
            continue
        if verb is Verb.DIFF:
            from migrate.report.diff import unified

            show_patch(unified(result.path, result.old, result.new))
        for line in text.file_lines(result, verbose=verbose):
            show(line)
    summary = Summary.of(told, files=files)
    if form == "json":
        from migrate.report import document

        sys.stdout.buffer.write(document.dump(document.report(told, summary)))
    else:
        left = {name for result in told if result.changed for name in result.torch_left}
        show(text.summary_line(summary, verb, torch_left=len(left)))
    return summary
