"""``cc-clicks sandbox``: run the simulator, to try the tap without an account."""

from __future__ import annotations

from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.cli.envfile import env_lines

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

PACKAGES = {"starlette", "uvicorn"}
MISSING = "The simulator needs more packages: pip install 'tap-cc-clicks[cli,sandbox]'"


def simulator() -> ModuleType:
    """Import the simulator.

    Raises:
        InputError: Its extra is not installed.
    """
    try:
        from tap_cc_clicks.sandbox import __main__  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in PACKAGES:
            raise
        raise InputError(MISSING) from None
    return __main__


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0: a free port."
)
@click.option("--seed", default=7, show_default=True, help="Varies the account.")
@click.option("--campaigns", type=click.IntRange(1), default=40, show_default=True)
@click.option("--clicks", type=click.IntRange(0), default=3000, show_default=True)
@click.option("--recipients", type=click.IntRange(0), default=100, show_default=True)
@click.option("--latency", default=0.0, help="Delay of every response in seconds.")
@click.option("--limits", is_flag=True, help="Allow 4 requests a second, 10,000 a day.")
@click.option(
    "--dialect",
    default="reference",
    show_default=True,
    help="The vendor's response format to use: guide, or a single difference.",
)
@click.option(
    "--like",
    default="",
    metavar="FILE",
    help="Respond in the format that cc-clicks check --record wrote to this file.",
)
def sandbox(**options: Any) -> None:
    """Serve a simulated account until Ctrl-C, on this machine only.

    The tap's settings for it are printed on stdout, as lines for .env.
    """
    module = simulator()
    if options["dialect"] not in module.DIALECTS:
        names = ", ".join(sorted(module.DIALECTS))
        message = f"There is no dialect {options['dialect']}: one of {names}"
        raise click.BadParameter(message, param_hint="--dialect")
    try:
        with suppress(KeyboardInterrupt):
            module.serve(module.Options(**options), announce)
    except module.RecordingError as error:
        raise click.BadParameter(str(error), param_hint="--like") from None
    except OSError as error:
        message = f"Port {options['port']} cannot be listened on: {error.strerror}"
        raise InputError(message) from None


def announce(running: Sandbox) -> None:
    """Print the tap's settings for the simulated account."""
    click.echo("\n".join(env_lines(running.config)))
    click.echo(
        f"Serving a simulated account at {running.url}; Ctrl-C ends it.", err=True
    )
