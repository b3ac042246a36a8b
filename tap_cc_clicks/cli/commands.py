"""The commands of ``cc-clicks``, each from a module of its own."""

from __future__ import annotations

from typing import Any

import click
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from typing_extensions import override

from tap_cc_clicks.cli.check import check
from tap_cc_clicks.cli.demo import demo
from tap_cc_clicks.cli.login import login
from tap_cc_clicks.cli.plan import plan
from tap_cc_clicks.cli.reconcile import reconcile
from tap_cc_clicks.cli.sandbox import sandbox
from tap_cc_clicks.cli.state import state


class _Commands(click.Group):
    """A group in which what the tap refuses is one sentence and exit code 1."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigValidationError as error:
            raise click.ClickException("; ".join(error.errors)) from None
        except SingerSDKError as error:
            raise click.ClickException(str(error)) from None


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
cc_clicks.add_command(state)
