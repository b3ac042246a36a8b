"""The commands of ``cc-clicks``, each from a module of its own."""

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

# Click's ways to end a command. Since 8.2, so is the help of a group without command.
PASSED_ON: tuple[type[Exception], ...] = (
    click.exceptions.Exit,
    click.Abort,
    BrokenPipeError,
    *filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)]),
)


class _Commands(click.Group):
    """A group in which an error of the tap is one sentence and exit code 1."""

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
        except Exception as error:  # noqa: BLE001 - nothing is to end in a traceback
            raise click.ClickException(
                _shown("; ".join(error_messages(error)))
            ) from None


def _shown(message: str) -> str:
    """Return the message of an error, which may repeat arguments."""
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
