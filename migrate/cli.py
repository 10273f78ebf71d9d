"""The command line: arguments in, exit status out; nothing is decided here.

Imports are late: `--version`, `--help` and a run that finds nothing to do start in no time.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from migrate import __version__
from migrate.errors import MigrateError

if TYPE_CHECKING:
    from pathlib import Path

    from migrate.model import Labels
    from migrate.ruleset import RuleSet

# Beside the bit mask, what a shell reports of a process that a signal ended.
_INTERRUPTED = 130
_BROKEN_PIPE = 141

_formats = click.Choice(["text", "json"])
_form = click.option(
    "--format", "form", type=_formats, default="text", help="Lines, the default, or a document."
)


def _chosen_rules(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --target and --rules, of which the first chooses among our folders of rules."""
    for option in (
        click.option(
            "--rules",
            "directory",
            metavar="DIR",
            help="Take the rules in this folder instead of ours.",
        ),
        click.option(
            "--target",
            type=click.Choice(["mindspore", "mint"]),
            help="The APIs to migrate to: mindspore.nn and mindspore.ops, the default, or "
            "mindspore.mint.",
        ),
    ):
        command = option(command)
    return command


_run_options: tuple[Callable[[Any], Any], ...] = (
    click.argument("paths", metavar="PATH...", nargs=-1),
    _form,
    click.option(
        "--exclude", metavar="PATTERN", multiple=True, help="As in .gitignore; repeatable."
    ),
    click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: as many as pay."),
    _chosen_rules,
    click.option(
        "--labels",
        type=click.Choice(["keep", "cast"]),
        default="keep",
        help="cast: to int32 where the source shows class indices that MindSpore refuses.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Name what files still use of torch."),
)


def _run_command(command: Callable[..., int]) -> click.Command:
    for decorate in reversed(_run_options):
        command = decorate(command)
    return cli.command()(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Migrate PyTorch losses to MindSpore, and prove each rewrite before it is written.

    The exit status is a bit mask: 1 if something would change (diff, check) or still needs a
    person (check, apply); 2 if a file could not be processed or the usage was wrong.
    """


@_run_command
def diff(**options: Any) -> int:
    """Print the patch that `git apply` takes; write nothing. - is standard input."""
    return _run("diff", **options)


@_run_command
def apply(**options: Any) -> int:
    """Rewrite files in place. With -, from standard input to standard output."""
    return _run("apply", **options)


@_run_command
def check(**options: Any) -> int:
    """Say what is left to do, for CI; write nothing. - is standard input."""
    return _run("check", **options)


@cli.command()
@click.argument("paths", metavar="PATH...", nargs=-1)
@_form
@click.option("--exclude", metavar="PATTERN", multiple=True, help="As in .gitignore; repeatable.")
@_chosen_rules
@click.option(
    "--against", metavar="REV|DIR", help="Take before from there, and after as the files are now."
)
@click.option("--frameworks", is_flag=True, help="Compute on the real torch and MindSpore too.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds that a framework may take to start, and for the cases of one setting.",
)
def verify(
    form: str, directory: str | None, target: str | None, time_limit: float, **options: Any
) -> int:
    """Show the evidence for each rewritten site; write nothing."""
    if not options["paths"]:
        raise click.UsageError("No path given: try `torch2mindspore verify .`")
    from migrate.report import progress, verification
    from migrate.verify import verify as run

    limit = time_limit if options.pop("frameworks") else None
    chosen = _path(directory, target)
    with progress.shown(sys.stderr) as shown:
        found = run(**options, rules_directory=chosen, limit=limit, progress=shown)
    return verification.tell(found, form=form, human=sys.stdout)


@cli.command()
@_form
@_chosen_rules
def rules(form: str, directory: str | None, target: str | None) -> int:
    """List the rules, with where each stands."""
    from migrate import explain

    return _print(explain.rules_document(_ruleset(directory, target)), form, explain.rules_text)


@cli.command("explain")
@click.argument("name", metavar="NAME")
@_form
@_chosen_rules
def explain_(name: str, form: str, directory: str | None, target: str | None) -> int:
    """Explain a finding's code, an API or a difference: what, why, an example, the remedy."""
    from migrate import explain

    return _print(explain.page(name, _ruleset(directory, target)), form, explain.page_text)


def _run(
    name: str,
    *,
    paths: Sequence[str],
    form: str,
    exclude: Sequence[str],
    jobs: int,
    directory: str | None,
    target: str | None,
    labels: Labels,
    verbose: bool,
) -> int:
    if not paths:
        raise click.UsageError(f"No path given: try `torch2mindspore {name} .`, or - for a pipe.")
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("- is standard input: give it alone, without other paths.")
    from migrate.pipeline import migrate_bytes, migrate_paths
    from migrate.report.run import tell
    from migrate.report.summary import Verb

    verb = Verb(name)
    writes = verb is Verb.APPLY
    left = verbose or form == "json"
    if "-" not in paths:
        chosen: dict[str, Any] = {"exclude": exclude, "jobs": jobs, "left": left, "labels": labels}
        chosen["rules_directory"] = _path(directory, target)
        results = migrate_paths(paths, write=writes, **chosen)
        # All is written before anything is said, so that `| head` cannot stop it half-way.
        results = iter(list(results)) if writes else results
        human = sys.stderr if verb is Verb.DIFF else sys.stdout
        return tell(results, verb, form=form, verbose=verbose, human=human).exit_status(verb)

    if writes and form == "json":
        raise click.UsageError("`apply -` prints the source: take `check -` for the document.")
    data = sys.stdin.buffer.read()
    result = migrate_bytes(data, rules=_ruleset(directory, target), left=left, labels=labels)
    human = sys.stdout if verb is Verb.CHECK else sys.stderr
    summary = tell([result], verb, form=form, verbose=verbose, human=human)
    if writes:
        # A filter that fails hands on what it was given, lest it is lost.
        sys.stdout.buffer.write(result.new if result.changed else data)
    return summary.exit_status(verb)


def _path(directory: str | None, target: str | None) -> Path | None:
    """Return the folder of the rules, or None for the default one."""
    from pathlib import Path

    if directory is not None and target is not None:
        raise click.UsageError(
            "--rules and --target both choose the rules: give --rules alone for a folder of your "
            "own, or --target alone for one of ours."
        )
    if target is not None:
        from migrate.ruleset import target_directory

        return target_directory(target)
    return None if directory is None else Path(directory)


def _ruleset(directory: str | None, target: str | None) -> RuleSet:
    from migrate.ruleset import load

    return load(_path(directory, target))


def _print(document: dict[str, Any], form: str, as_text: Callable[[dict[str, Any]], str]) -> int:
    from migrate.report.document import dump

    # UTF-8 in every locale: the pages are ours, and hold nothing that steers a terminal.
    sys.stdout.buffer.write(dump(document) if form == "json" else as_text(document).encode())
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments`, those of the process by default.

    Returns
    -------
    int
        The exit status: the bit mask, 130 after an interrupt, 141 if the reader went away.
    """
    # Syntax trees hold no cycles, and looking for some takes longer than parsing them.
    gc.disable()
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        with cli.make_context("torch2mindspore", list(arguments)) as context:
            status: int = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except MigrateError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except KeyboardInterrupt:
        click.echo("Interrupted: every file is either as it was or done; run again.", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more at exit, and must not fail there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:  # a full disk behind standard output
        click.echo(f"Error: the output cannot be written: {error.strerror}: free space", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
