"""How far listing and summaries are read."""

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
    """Return a campaign's record; the higher its number, the older it is."""
    return {
        "campaign_id": NAMES[number],
        "updated_at": f"2026-01-{28 - number:02}T08:00:00.000Z",
        "current_status": "Done",
        **values,
    }


@dataclass
class Account:
    """Fifteen campaigns on five pages, the latest change first; all are known.

    Attributes:
        rows: The campaigns' records.
        sent: Campaigns of the summaries.
        sent_at: When they were sent.
        asked: Pages asked for, of the listing and of the summaries.
        refused: How many links of second pages are refused.
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
        """Let all campaigns be known."""
        for row in self.rows:
            self.know(row)

    def know(self, row: dict[str, Any]) -> None:
        """Let a campaign be known as it is."""
        self.memory.remember(row["campaign_id"], [], updated_at=row["updated_at"])

    def campaigns(self) -> Iterator[list[dict[str, Any]]]:
        """Give the listing."""
        yield from self._pages("campaigns", self.rows)

    def summaries(self) -> Iterator[list[dict[str, Any]]]:
        """Give the summaries."""
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

    def listing(self, *wanted: str, **told: Any) -> Listing:
        """Return what reads them."""
        service: Any = self
        failures = Failures(LOGGER, lambda _: None)
        found = Listing(service, frozenset(wanted), LOGGER, failures)
        for name, value in {"memory": self.memory, **told}.items():
            setattr(found, name, value)
        return found


def ids(listing: Listing) -> list[str]:
    """Return the campaigns that are read."""
    return [one["campaign_id"] for one in listing.campaigns()]


def test_one_page_is_read_if_nothing_is_new() -> None:
    """Each page is requested once, for all streams."""
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
def test_pages_are_read_until_one_has_nothing_new(
    news: dict[int, dict[str, Any]], pages: int
) -> None:
    """Drafts do not count as new."""
    account = Account()
    for row in account.rows:
        account.memory.remember(row["campaign_id"], sent="1795608000-1e19c23a")
    for number, values in news.items():
        account.rows[number] = {**account.rows[number], **values}
    assert len(ids(account.listing())) == pages * SIZE
    assert account.asked["campaigns"] == pages


@pytest.mark.parametrize("timestamp", ["2026-01-01T00:00:00.000Z", None])
def test_an_unordered_page_does_not_end_the_listing(timestamp: str | None) -> None:
    """Later pages may have newer campaigns."""
    account = Account()
    account.rows[0]["updated_at"] = timestamp
    account.know(account.rows[0])
    ids(account.listing())
    assert account.asked["campaigns"] == 2


def test_everything_is_read_once_a_day() -> None:
    """Listing and summaries."""
    account = Account()
    listing = account.listing(whole=True)
    assert ids(listing) == NAMES
    assert list(listing.summaries()) == NAMES
    assert account.asked == {"campaigns": PAGES, "summaries": PAGES}
    assert listing.ended


def test_the_bookmark_of_campaigns_ends_the_listing() -> None:
    """If it is the only selected stream."""
    account = Account()
    listing = account.listing(memory=None, since=record(4)["updated_at"])
    assert ids(listing) == NAMES[: 3 * SIZE]
    assert account.asked == {"campaigns": 3, "summaries": 0}


def test_summaries_of_drafts_are_not_searched_in_the_listing() -> None:
    """Otherwise every run would read the whole listing."""
    account = Account()
    account.sent, account.sent_at = ["draft"], None
    ids(account.listing())
    assert account.asked == {"campaigns": 1, "summaries": 1}


def test_a_campaign_new_in_summaries_is_searched_in_the_listing() -> None:
    """Also beyond pages without news."""
    account = Account()
    account.rows[7]["campaign_id"] = "old"
    account.sent = ["old", *NAMES]
    assert ids(account.listing())[-5:] == ["old", *NAMES[8:12]]
    assert account.asked == {"campaigns": 4, "summaries": 1}


def test_only_campaign_ids_are_read_and_searched() -> None:
    """Until all of them were found."""
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


def test_an_unknown_campaign_id_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If none of them is, the run ends."""
    account = Account()
    assert ids(account.listing("c00", "nowhere")) == ["c00"]
    assert caplog.messages == ["There is no campaign nowhere (campaign_ids)"]
    with pytest.raises(InputError, match="None of the campaigns that campaign_ids"):
        ids(account.listing("nowhere"))


def test_a_refused_link_restarts_the_list() -> None:
    """Once; each campaign is yielded once."""
    account = Account(refused=1)
    assert ids(account.listing(whole=True)) == NAMES
    assert account.asked["campaigns"] == PAGES + 1
    account.refused = 2
    with pytest.raises(CursorRefusedError):
        ids(account.listing(whole=True))


def test_unreadable_summaries_do_not_end_the_run() -> None:
    """They are only hints."""
    account = Account(refused=2)
    listing = account.listing(whole=True)
    assert list(listing.summaries()) == NAMES[:SIZE]
    assert ids(listing) == NAMES


def test_an_endless_list_is_read_up_to_a_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pages before are used, and nothing counts as removed."""
    account = Account()
    listing = account.listing("c00", "nowhere", whole=True)
    monkeypatch.setattr(module, "LARGEST_LIST_BYTES", -1)
    assert ids(listing) == []
    assert listing.incomplete
    assert not listing.ended
