"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def json_option(command: CommandT) -> CommandT:
    """Let a command answer in JSON."""
    text = "Print the response message as one JSON document with the names of the contract."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def experiment_option(command: CommandT) -> CommandT:
    """Let a command name the experiment."""
    return click.option("--experiment", metavar="E", default="", help="Experiment of the portfolios.")(command)


def range_options(command: CommandT) -> CommandT:
    """Let a command name the first and the last date."""
    command = click.option("--end", metavar="D", default="", help="Last date, YYYY-MM-DD.")(command)
    return click.option("--start", metavar="D", default="", help="First date, YYYY-MM-DD.")(command)


def benchmark_option(command: CommandT) -> CommandT:
    """Let a command name a symbol to compare with."""
    text = "Symbol to compare with, whose prices were imported, such as QQQ."
    return click.option("--benchmark", metavar="S", default="", help=text)(command)
