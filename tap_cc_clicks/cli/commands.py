"""The command group ``cc-clicks``."""

from __future__ import annotations

from typing import Any

import click
from typing_extensions import override

from tap_cc_clicks.api.text import printable
from tap_cc_clicks.cli.check import check
from tap_cc_clicks.cli.demo import demo
from tap_cc_clicks.cli.login import login
from tap_cc_clicks.cli.plan import plan
from tap_cc_clicks.cli.reconcile import reconcile
from tap_cc_clicks.cli.report import report
from tap_cc_clicks.cli.sandbox import sandbox
from tap_cc_clicks.cli.state import state
from tap_cc_clicks.cli.tables import LONGEST_LINE
from tap_cc_clicks.error_handling import error_messages

# Exceptions by which Click ends a command; NoArgsIsHelpError is new in 8.2.
PASSED_ON: tuple[type[Exception], ...] = (
    click.exceptions.Exit,
    click.Abort,
    BrokenPipeError,
    *filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)]),
)


class _Commands(click.Group):
    """A group that reports errors of the tap as one sentence, with exit code 1."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PASSED_ON:
            raise
        except click.UsageError as error:
            message = _shown(error.format_message())
            raise click.UsageError(message, error.ctx) from None
        except click.ClickException as error:
            raise click.ClickException(_shown(error.format_message())) from None
        except Exception as error:  # noqa: BLE001 - never show a traceback
            raise click.ClickException(
                _shown("; ".join(error_messages(error)))
            ) from None


def _shown(message: str) -> str:
    """Clean an error message, which may quote arguments."""
    return printable(message, LONGEST_LINE)


@click.group(cls=_Commands, context_settings={"max_content_width": 100})
@click.version_option(package_name="tap-cc-clicks")
def cc_clicks() -> None:
    """Sign in to Constant Contact, and look after tap-cc-clicks."""


cc_clicks.add_command(login)
cc_clicks.add_command(check)
cc_clicks.add_command(sandbox)
cc_clicks.add_command(demo)
cc_clicks.add_command(plan)
cc_clicks.add_command(reconcile)
cc_clicks.add_command(report)
cc_clicks.add_command(state)
