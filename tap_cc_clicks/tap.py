"""The tap: its settings and its streams."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.helpers.capabilities import TapCapabilities
from typing_extensions import override

from tap_cc_clicks.inputs import InputError, check_catalog, checked, read_config_file
from tap_cc_clicks.run import SIGNAL_EXIT_BASE, InterruptedRun, RunTap
from tap_cc_clicks.state import DEFAULT_LOOKBACK
from tap_cc_clicks.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import click
    from singer_sdk import Stream
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

PIPE_CLOSED = (
    "The target closed the pipe: its own messages say why. Nothing is lost: the next "
    "run goes on from the last state that the target confirmed"
)
API_URL = "https://api.cc.email/v3"
TOKEN_URL = "https://authz.constantcontact.com/oauth2/default/v1/token"  # noqa: S105


class TapCCClicks(RunTap):
    """Singer tap for Constant Contact's email click report."""

    name = "tap-cc-clicks"
    package_name = "tap-cc-clicks"
    # Not ACTIVATE_VERSION: an incremental tap never writes a table anew.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability
        for capability in RunTap.capabilities
        if capability is not TapCapabilities.ACTIVATE_VERSION
    ]

    config_jsonschema = th.PropertiesList(
        th.Property(
            "client_id",
            th.StringType,
            title="Client ID",
            description="The API key of your Constant Contact application.",
        ),
        th.Property(
            "client_secret",
            th.StringType,
            secret=True,
            title="Client secret",
            description="The application's secret. Leave it out for a public client.",
        ),
        th.Property(
            "refresh_token",
            th.StringType,
            secret=True,
            title="Refresh token",
            description="Renews the access token; asked for with scope offline_access.",
        ),
        th.Property(
            "access_token",
            th.StringType,
            secret=True,
            title="Access token",
            description="Enough for a quick try: works until it expires, 24 hours.",
        ),
        th.Property(
            "token_store",
            th.StringType(min_length=1),
            title="Token store",
            description=(
                "File that keeps refresh tokens that rotate; must stay between runs. "
                "Without it, a file in the user's state folder. Long-lived refresh "
                "tokens need none."
            ),
        ),
        th.Property(
            "start_date",
            th.DateTimeType,
            title="Start date",
            description=(
                "Clicks before this moment are left out. Campaigns and activities are "
                "always complete, so that every click finds its campaign."
            ),
        ),
        th.Property(
            "lookback",
            th.NumberType(minimum=0),
            default=DEFAULT_LOOKBACK,
            title="Lookback",
            description=(
                "Hours before an activity's bookmark that are read again, for clicks "
                "that reach the report late."
            ),
        ),
        th.Property(
            "campaign_ids",
            th.ArrayType(th.StringType(min_length=1)),
            title="Campaign IDs",
            description="Only these campaigns.",
        ),
        th.Property(
            "url_ids",
            th.ArrayType(th.StringType(min_length=1)),
            title="URL IDs",
            description="Only clicks on these links. They keep bookmarks of their own.",
        ),
        th.Property(
            "page_size",
            th.IntegerType(minimum=1, maximum=500),
            default=500,
            title="Page size",
            description="Rows per page (the API's limit parameter).",
        ),
        th.Property(
            "change_detection",
            th.StringType(allowed_values=["exact", "fast", "off"]),
            default="exact",
            title="Change detection",
            description=(
                "How to find activities with new clicks: exact (every activity's "
                "counters), fast (campaign summaries first) or off (read all)."
            ),
        ),
        th.Property(
            "hot_days",
            th.NumberType(minimum=0),
            default=1,
            title="Hot days",
            description=(
                "Activities of campaigns sent or updated within these days are read "
                "whatever their counters say."
            ),
        ),
        th.Property(
            "recheck_hours",
            th.NumberType(exclusive_minimum=0),
            default=24,
            title="Recheck hours",
            description=(
                "How long counters go unasked with fast change detection while a "
                "campaign's summary stays the same; also the first pause between "
                "searches for clicks that are counted but not shown."
            ),
        ),
        th.Property(
            "concurrency",
            th.IntegerType(minimum=1, maximum=64),
            default=8,
            title="Concurrency",
            description="Requests under way at once.",
        ),
        th.Property(
            "requests_per_second",
            th.NumberType(exclusive_minimum=0),
            default=4,
            title="Requests per second",
            description="The API allows 4 a second for each API key.",
        ),
        th.Property(
            "max_requests",
            th.IntegerType(minimum=1),
            title="Maximum requests",
            description=(
                "End the run in good order after this many requests; the next run "
                "goes on where it stopped. The API allows 10,000 a day."
            ),
        ),
        th.Property(
            "api_url",
            th.URIType,
            default=API_URL,
            title="API URL",
            description="Base URL of the Constant Contact V3 API.",
        ),
        th.Property(
            "token_url",
            th.URIType,
            default=TOKEN_URL,
            title="Token URL",
            description="OAuth 2 token endpoint.",
        ),
        additional_properties=False,
    ).to_dict()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a catalog of another tap."""
        check_catalog(kwargs.get("catalog"), [stream.name for stream in STREAMS])
        super().__init__(*args, **kwargs)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        return [stream(self) for stream in STREAMS]

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> Any:
        """Refuse a config file that cannot be read."""
        try:
            for path in value:
                if path != "ENV":
                    read_config_file(path)
        except InputError as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            ctx.exit(1)
        return super().cb_config(ctx, param, value)

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Run ``--test``; it ends as other runs do."""
        with cls._errors_told():
            super().cb_test(ctx, param, value)

    @classmethod
    @override
    def invoke(cls, **kwargs: Any) -> None:
        """Run from the command line."""
        with cls._errors_told():
            for kind in ("state", "catalog"):
                kwargs[kind] = checked(kind, kwargs.get(kind))
            super().invoke(**kwargs)

    @classmethod
    @contextmanager
    def _errors_told(cls) -> Generator[None]:
        """End in one sentence and an exit code, whatever happens."""
        try:
            yield
        except ConfigValidationError:
            raise
        except SingerSDKError as error:
            cls.logger.error("%s", error)  # noqa: TRY400
            sys.exit(1)
        except BrokenPipeError:
            # Nor can what is left in the buffer be written at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            cls.logger.error(PIPE_CLOSED)  # noqa: TRY400
            sys.exit(1)
        except InterruptedRun as interruption:
            cls.logger.warning("%s; state was written", interruption)
            sys.exit(SIGNAL_EXIT_BASE + interruption.signum)
