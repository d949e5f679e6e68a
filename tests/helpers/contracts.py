"""Two kinds of import rules that import-linter lacks: an allow-list, and a package for one room."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grimp import ImportGraph

_ROOT = "smallscale_ci"


def _imports(graph: ImportGraph, module: str) -> Iterator[str]:
    """What ``module`` imports directly, wherever in its text."""
    yield from sorted(graph.find_modules_directly_imported_by(module))


class Allowed(Contract):
    """``modules`` (and what is in them) import themselves, the standard library, ``allowed``."""

    modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every import of every module below ``modules`` is on the list."""
        found = []
        for root in self.modules:
            mine = [*graph.find_descendants(root), root] if root in graph.modules else []
            if not mine:
                found.append(f"{root} does not exist")
            for module in mine:
                for imported in _imports(graph, module):
                    own = imported == root or imported.startswith(f"{root}.")
                    top = imported.partition(".")[0]
                    listed = any(
                        imported == name or imported.startswith(f"{name}.") for name in self.allowed
                    )
                    if not (own or listed or top in sys.stdlib_module_names):
                        found.append(f"{module} imports {imported}")
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: Any) -> None:
        """One line for each import."""
        for line in check.metadata["found"]:
            output.print_error(line, bold=False)


class OnlyIn(Contract):
    """The external ``packages`` are imported in ``rooms`` and nowhere else."""

    packages = fields.ListField(subfield=fields.StringField())
    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every module of the package that is in none of ``rooms``."""
        found = [
            f"{module} imports {imported}"
            for module in sorted(graph.modules)
            if module == _ROOT or module.startswith(f"{_ROOT}.")
            if not any(module == room or module.startswith(f"{room}.") for room in self.rooms)
            for imported in _imports(graph, module)
            if imported.partition(".")[0] in self.packages
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: Any) -> None:
        """One line for each import."""
        for line in check.metadata["found"]:
            output.print_error(line, bold=False)
