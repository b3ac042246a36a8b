"""The SDK's own tests of a tap, against the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from singer_sdk.testing import get_tap_test_class

from tap_cc_clicks.sandbox import Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.support import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

# In one worker, as they share the records of one run.
pytestmark = pytest.mark.xdist_group("suite")

SANDBOX = Sandbox(generate(campaigns=10, clicks=120, recipients=60))


@pytest.fixture(scope="module", autouse=True)
def _running() -> Iterator[None]:
    with SANDBOX:
        yield


TestTapCCClicks = get_tap_test_class(
    TapCCClicks,
    config=SANDBOX.config,
    catalog=everything(),
    parse_env_config=False,
)
