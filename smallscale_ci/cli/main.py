"""The application: every command group registers itself here."""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib.abc import MetaPathFinder

import typer

from smallscale_ci import __version__
from smallscale_ci.cli import (
    baseline,
    candidate,
    compare,
    data,
    doctor,
    engine,
    evaluate,
    export,
    github,
    history,
    image,
    judge,
    pairs,
    power,
    report,
    show,
    train,
    verify,
)
from smallscale_ci.cli.usage import Group

app = typer.Typer(
    name="smallscale",
    cls=Group,
    help="pytest for model checkpoints: fails the pipeline when a checkpoint loses accuracy, "
    "thinks longer or is cut off more often than its baseline.",
    epilog="Example: smallscale eval smollm2",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"smallscale {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


for group in (
    evaluate,
    judge,
    pairs,
    train,
    candidate,
    compare,
    report,
    baseline,
    verify,
    show,
    power,
    history,
    export,
    github,
    data,
    image,
    engine,
    doctor,
):
    group.register(app)


class _WithoutPandas(MetaPathFinder):
    """Hides pandas, as if it were not installed.

    Arrow imports it if it is there, for types that nothing here uses: a quarter of the CPU time of
    many commands.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Find nothing here, and keep other finders from finding pandas."""
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=fullname)


def main() -> None:
    """Run the command line."""
    # Processes that judge and generate are started with -c, and would import modules from the
    # working folder: a checkout, where a pull request may have put a multiprocessing.py.
    os.environ["PYTHONSAFEPATH"] = "1"
    sys.meta_path.insert(0, _WithoutPandas())
    gc.set_threshold(20_000)  # most of what is imported stays in use: collect garbage less often
    for stream in (sys.stdout, sys.stderr):
        # Reports have characters that a locale may lack, and paths may have bytes that are not
        # text: neither may break a verdict.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app()
