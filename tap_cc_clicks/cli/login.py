"""``cc-clicks login``: get a refresh token for a client ID."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.token_endpoint import Client
from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.cli.envfile import check_writable, env_lines, write_env
from tap_cc_clicks.cli.loopback import loopback
from tap_cc_clicks.cli.options import (
    CommandTap,
    config_option,
    console,
    json_option,
    tap_of,
)
from tap_cc_clicks.cli.signin import Request, SignIn, tokens_of
from tap_cc_clicks.cli.tables import print_json, say

# Fixed, since the service compares the ports of redirect URIs.
PORT = 8917
BROWSER_SECONDS = 600
# A placeholder, so that the other settings can be checked before the sign-in.
TO_COME = "to come"
PASSWORD = (
    "Treat the refresh token as a password: anyone who has it can read the account."  # noqa: S105
)
MELTANO = (
    "In Meltano, put the lines into the project's .env (or sign in with --write-env "
    ".env), or set them, the token by pasting it:"
)
MELTANO_SETS = "meltano config set tap-cc-clicks"
FRAME_WIDTH = 4


@click.command()
@config_option
@click.option("--client-id", help="The API key; otherwise the setting client_id.")
@click.option(
    "--pkce", is_flag=True, help="Sign in by a browser on this machine (PKCE)."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="With --pkce: where the browser comes back to; 0 for a free port. The "
    "application must have the redirect URI http://127.0.0.1:PORT/.",
)
@click.option("--no-browser", is_flag=True, help="With --pkce: only print the address.")
@click.option(
    "--write-env",
    "env_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the settings into this .env file instead of printing them.",
)
@json_option
def login(configs: Sequence[str], client_id: str | None, **options: Any) -> None:
    """Sign in, and print the settings client_id and refresh_token.

    Instructions go to stderr, and the refresh token to stdout. Keep it like a password.
    """
    config = settings(configs, client_id)
    if options["env_file"]:
        check_writable(options["env_file"])
    screen = console(stderr=True)
    client = Client(config["client_id"], config.get("client_secret"))
    sign_in = SignIn(client, config["token_url"], partial(say, screen))
    if options["pkce"]:
        answer = in_browser(
            sign_in, screen, options["port"], no_browser=options["no_browser"]
        )
    else:
        answer = by_device(sign_in, screen)
    tokens = tokens_of(answer)
    say(screen, "Signed in, with the scopes campaign_data and offline_access.")
    keep(config, tokens, screen)
    hand_over(config, tokens, screen, options["env_file"], as_json=options["as_json"])


def settings(configs: Sequence[str], client_id: str | None) -> dict[str, Any]:
    """Return the tap's settings, checked except for the refresh token.

    Raises:
        ConfigValidationError: A setting is wrong, or client_id is missing.
    """
    found = dict(tap_of(configs, validated=False).config)
    chosen = {"client_id": client_id} if client_id else {}
    return dict(CommandTap(config={**found, "refresh_token": TO_COME, **chosen}).config)


def by_device(sign_in: SignIn, screen: Console) -> dict[str, Any]:
    """Sign in with the device flow and a browser on any machine."""
    code = sign_in.code()
    show(screen, "Open", code.direct, "and see that it shows the code", code.user_code)
    if code.direct != code.page:
        say(screen, f"(or enter the code at {code.page})")
    say(screen, f"Waiting, at most {code.lifetime / 60:.0f} minutes …")
    return sign_in.await_person(code)


def in_browser(
    sign_in: SignIn, screen: Console, port: int, *, no_browser: bool
) -> dict[str, Any]:
    """Sign in with a browser on this machine."""
    with loopback(port) as server:
        request = Request.new(server.redirect_uri)
        address = sign_in.address(request)
        show(screen, "Open", address, "The browser comes back to", server.redirect_uri)
        if not no_browser:
            webbrowser.open(address)
        answer = server.wait(BROWSER_SECONDS, request.is_answered_by)
    return sign_in.redeem(request, answer)


def show(screen: Console, *parts: str) -> None:
    """Show the instructions; in a terminal, in a frame if the URLs fit on a line."""
    longest = max(map(len, parts))
    if not screen.is_terminal or longest > screen.width - FRAME_WIDTH:
        for part in parts:
            say(screen, part)
        return
    styles = ("", "bold cyan", "", "bold green")
    lines = [Text(part, style) for style, part in zip(styles, parts, strict=True)]
    text = Text("\n").join(lines)
    panel = Panel(text, title="Sign in to Constant Contact", expand=False)
    screen.print(panel, soft_wrap=False)


def keep(config: Mapping[str, Any], tokens: Tokens, screen: Console) -> None:
    """Save the tokens to the token store, so that the first run needs no refresh.

    If the store cannot be written, the first run refreshes the access token instead.
    """
    store = TokenStore.from_config({**config, "refresh_token": tokens.refresh_token})
    try:
        with store.locked():
            store.load()
            store.save(tokens)
    except InputError:
        say(
            screen,
            f"The access token could not be kept in {store.path}: the first run gets "
            "another. If refresh tokens rotate, set token_store to a file that can be "
            "written (cc-clicks check).",
        )


def hand_over(
    config: Mapping[str, Any],
    tokens: Tokens,
    screen: Console,
    env_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write the settings to a file, or else to stdout."""
    found = {"client_id": config["client_id"], "refresh_token": tokens.refresh_token}
    if env_file:
        secret = config.get("client_secret")
        written = {**found, **({"client_secret": secret} if secret else {})}
        write_env(env_file, written)
        say(screen, f"{', '.join(written)} are in {env_file}.")
        found = {"env_file": str(env_file)}
    else:
        say(screen, PASSWORD)
        say(screen, MELTANO)
        say(screen, f"{MELTANO_SETS} client_id {found['client_id']}", indent="  ")
        say(screen, f"{MELTANO_SETS} refresh_token --from-file -", indent="  ")
        say(screen)
    if as_json:
        print_json(found, indent=None)
    elif not env_file:
        click.echo("\n".join(env_lines(found)))
