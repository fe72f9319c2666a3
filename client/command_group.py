"""The command group's manners: any error is one line on stderr, an interrupt is quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .errors import AiTraderError, InternalError, InvalidArgument, JobConflict, Unavailable
from .exit_codes import ExitCode
from .text import plain


class OneLineError(click.ClickException):
    """An error shown as `error: ...`."""

    exit_code = ExitCode.ERROR

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - click's signature
        click.echo(f"error: {plain(self.message)}", err=True)


class WrongCommandLineError(OneLineError):
    """A command line that click refuses."""

    exit_code = ExitCode.USAGE


class CommandGroup(click.Group):
    """Runs the commands and turns what they raise into an exit code."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's arguments, handed on
        with one_line_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with one_line_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the client or click raises into a `OneLineError`."""
    try:
        yield
    except AiTraderError as error:
        raise OneLineError(sentence(error)) from error
    except ValueError as error:  # a value that the message cannot hold, say a number over 32 bits
        raise OneLineError(str(error)) from error
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise WrongCommandLineError(_usage_sentence(error)) from error


def sentence(error: AiTraderError) -> str:
    """Tell an error with the facts that its message may lack."""
    match error:
        case InvalidArgument() if error.violations:
            return "; ".join(f"{field}: {description}" for field, description in error.violations.items())
        case JobConflict() if error.current_job_id not in error.message:
            return f"{error.message} (current job {error.current_job_id})"
        case InternalError() if error.error_id not in error.message:
            return f"{error.message} (error id {error.error_id})"
        case Unavailable() if not error.reason:
            return f"the server was not reached: {error.message}"
        case _:
            return error.message


def _usage_sentence(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "ai-trader"
    return f"{error.format_message().rstrip('.')} (see {command} --help)"
