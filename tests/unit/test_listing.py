"""How much of the listing and the summaries is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tap_cc_clicks.api.errors import CursorRefusedError, InputError
from tap_cc_clicks.sync import listing as module
from tap_cc_clicks.sync.failures import Failures
from tap_cc_clicks.sync.listing import Listing
from tap_cc_clicks.sync.memory import CampaignMemory

LOGGER = logging.getLogger("listing")
PAGES, SIZE = 5, 3
NAMES = [f"c{number:02}" for number in range(PAGES * SIZE)]


def record(number: int, **values: Any) -> dict[str, Any]:
    """Return a campaign's record; higher numbers are older."""
    return {
        "campaign_id": NAMES[number],
        "updated_at": f"2026-01-{28 - number:02}T08:00:00.000Z",
        "current_status": "Done",
        **values,
    }


@dataclass
class Account:
    """Fifteen known campaigns on five pages, the latest change first.

    Attributes:
        rows: The campaigns' records.
        sent: The campaigns in the summaries.
        sent_at: When they were sent.
        asked: How many pages of the listing and the summaries were requested.
        refused: How many next links are refused.
    """

    rows: list[dict[str, Any]] = field(
        default_factory=lambda: [record(number) for number in range(PAGES * SIZE)]
    )
    sent: list[str] = field(default_factory=lambda: list(NAMES))
    sent_at: str | None = "2026-01-01T00:00:00Z"
    asked: dict[str, int] = field(
        default_factory=lambda: {"campaigns": 0, "summaries": 0}
    )
    refused: int = 0
    memory: CampaignMemory = field(default_factory=lambda: CampaignMemory({}))

    def __post_init__(self) -> None:
        """Remember all campaigns."""
        for row in self.rows:
            self.know(row)

    def know(self, row: dict[str, Any]) -> None:
        """Remember a campaign."""
        self.memory.remember(row["campaign_id"], [], updated_at=row["updated_at"])

    def campaigns(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of the listing."""
        yield from self._pages("campaigns", self.rows)

    def summaries(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of the summaries."""
        sent = {"last_sent_date": self.sent_at}
        rows = [{"campaign_id": one, **sent} for one in self.sent]
        yield from self._pages("summaries", rows)

    def _pages(self, name: str, rows: list[Any]) -> Iterator[list[Any]]:
        for start in range(0, len(rows), SIZE):
            if start and self.refused:
                self.refused -= 1
                raise CursorRefusedError
            self.asked[name] += 1
            yield rows[start : start + SIZE]

    def listing(self, *wanted: str, **values: Any) -> Listing:
        """Return a listing that reads this account."""
        service: Any = self
        failures = Failures(LOGGER, lambda _: None)
        found = Listing(service, frozenset(wanted), LOGGER, failures)
        for name, value in {"memory": self.memory, **values}.items():
            setattr(found, name, value)
        return found


def ids(listing: Listing) -> list[str]:
    """Return the ids of the campaigns read."""
    return [one["campaign_id"] for one in listing.campaigns()]


def test_one_page_is_read_if_all_campaigns_are_known() -> None:
    """Each page is requested once for all streams."""
    account = Account()
    listing = account.listing()
    assert ids(listing) == NAMES[:SIZE]
    assert ids(listing) == NAMES[:SIZE]
    listing.summaries()
    assert account.asked == {"campaigns": 1, "summaries": 1}
    assert not listing.ended


@pytest.mark.parametrize(
    ("news", "pages"),
    [
        ({0: {"updated_at": "2026-02-01T00:00:00.000Z"}}, 2),
        ({2: {"current_status": "Error"}, 3: {"campaign_id": "new"}}, 3),
        ({0: {"campaign_id": "draft", "current_status": "Draft"}}, 1),
    ],
    ids=["changed", "on two pages", "never sent"],
)
def test_reading_stops_at_a_page_without_changes(
    news: dict[int, dict[str, Any]], pages: int
) -> None:
    """Campaigns that were never sent do not count as changes."""
    account = Account()
    for row in account.rows:
        account.memory.remember(row["campaign_id"], sent="1795608000-1e19c23a")
    for number, values in news.items():
        account.rows[number] = {**account.rows[number], **values}
    assert len(ids(account.listing())) == pages * SIZE
    assert account.asked["campaigns"] == pages


@pytest.mark.parametrize("timestamp", ["2026-01-01T00:00:00.000Z", None])
def test_an_unsorted_page_does_not_end_reading(timestamp: str | None) -> None:
    """Later pages may be newer; the next sorted page is the last."""
    account = Account()
    account.rows[0]["updated_at"] = timestamp
    account.know(account.rows[0])
    ids(account.listing())
    assert account.asked["campaigns"] == 2


def test_a_whole_reading_reads_every_page() -> None:
    """It includes known campaigns, in the listing and the summaries."""
    account = Account()
    listing = account.listing(whole=True)
    assert ids(listing) == NAMES
    assert list(listing.summaries()) == NAMES
    assert account.asked == {"campaigns": PAGES, "summaries": PAGES}
    assert listing.ended


def test_without_memory_the_bookmark_of_campaigns_ends_reading() -> None:
    """The stream campaigns alone is selected."""
    account = Account()
    listing = account.listing(memory=None, since=record(4)["updated_at"])
    assert ids(listing) == NAMES[: 3 * SIZE]
    assert account.asked == {"campaigns": 3, "summaries": 0}


def test_summaries_of_unsent_campaigns_are_not_searched_for() -> None:
    """A draft is never known and would cause a full reading in every run."""
    account = Account()
    account.sent, account.sent_at = ["draft"], None
    ids(account.listing())
    assert account.asked == {"campaigns": 1, "summaries": 1}


def test_a_new_campaign_in_the_summaries_is_searched_for() -> None:
    """The search continues after a page of known campaigns."""
    account = Account()
    account.rows[7]["campaign_id"] = "old"
    account.sent = ["old", *NAMES]
    assert ids(account.listing())[-5:] == ["old", *NAMES[8:12]]
    assert account.asked == {"campaigns": 4, "summaries": 1}


def test_only_configured_campaigns_are_read_and_searched_for() -> None:
    """The search ends when all new ones are found."""
    account = Account()
    account.rows[7]["campaign_id"] = "mine"
    listing = account.listing("c01", "mine")
    assert ids(listing) == ["c01", "mine"]
    assert account.asked == {"campaigns": 3, "summaries": 0}
    account.know(account.rows[7])
    account.asked["campaigns"] = 0
    listing = account.listing("c01", "mine")
    assert ids(listing) == ["c01"]
    assert account.asked["campaigns"] == 1


def test_changes_of_other_campaigns_are_ignored() -> None:
    """They are not looked up."""
    account = Account()
    account.rows[0]["current_status"] = "Error"
    account.memory.remember("c00", status="Done")
    assert ids(account.listing("c09")) == []
    assert account.asked["campaigns"] == 1


def test_a_missing_configured_campaign_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If all of them are missing, the run ends."""
    account = Account()
    assert ids(account.listing("c00", "nowhere")) == ["c00"]
    assert caplog.messages == ["There is no campaign nowhere (campaign_ids)"]
    with pytest.raises(InputError, match="None of the campaigns that campaign_ids"):
        ids(account.listing("nowhere"))


def test_a_refused_link_restarts_the_list() -> None:
    """It restarts once, and each campaign is yielded once."""
    account = Account(refused=1)
    assert ids(account.listing(whole=True)) == NAMES
    assert account.asked["campaigns"] == PAGES + 1
    account.refused = 2
    with pytest.raises(CursorRefusedError):
        ids(account.listing(whole=True))


def test_unreadable_summaries_do_not_stop_the_run() -> None:
    """They are only a hint of changes."""
    account = Account(refused=2)
    listing = account.listing(whole=True)
    assert list(listing.summaries()) == NAMES[:SIZE]
    assert ids(listing) == NAMES


def test_an_endless_list_is_read_within_the_memory_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A campaign that was not found does not count as missing."""
    account = Account()
    listing = account.listing("c00", "nowhere", whole=True)
    monkeypatch.setattr(module, "LARGEST_LIST_BYTES", -1)
    assert ids(listing) == []
    assert listing.incomplete
    assert not listing.ended
