"""The migration as a LibCST codemod.

    python -m libcst.tool codemod --no-format -x migrate.codemod.MigrateTorchLosses PATH…

`-x` tells LibCST that the class is not one of its own commands, `--no-format` that no formatter
need run. LibCST itself drops a lone carriage return at the end of a file.

For those who run several codemods over a tree with LibCST's own runner. The work is done by
`migrate.migrate_source`; LibCST only hands over the text and takes the result.
"""

from __future__ import annotations

import libcst as cst
from libcst.codemod import CodemodCommand, SkipFile

from migrate.errors import MigrateError
from migrate.model import Status
from migrate.pipeline import migrate_source
from migrate.ruleset import default_rules
from migrate.survey import survey


class MigrateTorchLosses(CodemodCommand):
    """Migrates torch's losses to MindSpore; what is handed over becomes a warning."""

    DESCRIPTION = "Migrates torch's losses to MindSpore; what needs a person becomes a warning."

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """Return the migrated module.

        Raises
        ------
        libcst.codemod.SkipFile
            If the file cannot be migrated, with the reason.
        """
        path = self.context.filename or "<string>"
        project = survey([path], default_rules())[1] if self.context.filename else None
        package = project.package_of(path) if project is not None else ""
        try:
            result = migrate_source(tree.code, path=path, package=package, project=project)
        except MigrateError as error:
            raise SkipFile(f"{path}: {error}") from error
        for finding in result.with_status(Status.MANUAL):
            self.warn(f"{path}:{finding.line}:{finding.column} {finding.code}: {finding.message}")
        if result.after is None or not result.changed:
            return tree
        return cst.parse_module(result.after, config=tree.config_for_parsing)
