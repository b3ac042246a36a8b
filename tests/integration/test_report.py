"""``cc-clicks report``: five charts of the marts, in one HTML file."""

from __future__ import annotations

import json
import re
import shutil
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pytest
from click.testing import CliRunner
from playwright.sync_api import sync_playwright
from psycopg.conninfo import conninfo_to_dict

from demo.stack import Postgres
from tap_cc_clicks.cli import drawing
from tap_cc_clicks.cli.commands import cc_clicks
from tests.marts import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result
    from playwright.sync_api import Browser

pytestmark = pytest.mark.xdist_group("report")

CLICKS = 1_000_000
MOST_BYTES = 3_000_000
CHARTS = ["funnel", "hours", "links", "devices", "machines"]
# Otherwise Playwright uses its own browser: playwright install chromium.
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
QUIET = ("--disable-background-networking", "--disable-component-update")
MARTS = ("emails", "clicks", "links")
STAGES = ["Sent", "Delivered", "Opened", "Clicked", "Opted out"]


def report(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(cc_clicks, ["report", *map(str, arguments)])


def warehouse(path: Path, *made: str) -> str:
    """Create a DuckDB file with SQL statements, and return its URL."""
    with duckdb.connect(path) as connection:
        for statement in made:
            connection.execute(statement)
    return f"duckdb:///{path}"


def values_of(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the values of a chart."""
    (values,) = chart["datasets"].values()
    return list(values)


class Page(HTMLParser):
    """The charts of a page, and the addresses that it would load."""

    def __init__(self, path: Path) -> None:
        """Read the page."""
        super().__init__()
        self.text = path.read_text("utf-8")
        self.charts: dict[str, dict[str, Any]] = {}
        self.loaded: list[str] = []
        self._figure, self._data = "", False
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the figure, and the addresses that are fetched."""
        told = {"tag": tag, **dict(attrs)}
        self.loaded += [told[name] or "" for name in ("src", "href") if name in told]
        self._figure = told.get("id") or self._figure
        self._data = told.get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        """Read a chart."""
        if self._data:
            self.charts[self._figure] = json.loads(data)
            self._data = False

    def values(self, name: str) -> list[dict[str, Any]]:
        """Return the values of a chart."""
        return values_of(self.charts[name])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a million clicks."""
    folder = tmp_path_factory.mktemp("report")
    url = warehouse(folder / "clicks.duckdb", *statements(CLICKS))
    result = report("--database", url, "--output", folder / "clicks.html")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"The page is {folder / 'clicks.html'}\n"
    return folder / "clicks.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        yield running
        running.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
def test_a_browser_draws_five_charts_without_requests(
    path: Path, browser: Browser, width: int, scheme: Any
) -> None:
    """The page fits a phone, and text follows the colour scheme."""
    said: list[str] = []
    with browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("document.querySelectorAll('figure svg').length == 5")
        assert said == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == width
        texts = page.locator("#funnel svg text").all_text_contents()
        assert [one for one in texts if one.startswith("<b>Sale</b> 'half'")]
        colour = page.evaluate(
            "getComputedStyle(document.querySelector('#funnel svg text')).fill"
        )
        assert colour == {"light": "rgb(0, 0, 0)", "dark": "rgb(255, 255, 255)"}[scheme]


def test_the_page_is_self_contained_and_shows_no_address(path: Path) -> None:
    """It loads nothing, and has few values for a million clicks."""
    page = Page(path)
    assert [*page.charts] == CHARTS
    assert not page.loaded
    assert "default-src 'none'" in page.text
    assert path.stat().st_size < MOST_BYTES
    assert max(len(page.values(name)) for name in CHARTS) <= 72
    shown = json.dumps(page.charts, ensure_ascii=False)
    assert "@" not in shown
    assert "\u202e" not in shown
    assert "/to/3/…" in shown
    assert page.text.count("Newest click: ") == 4
    assert page.text.count("Counted: 2026-01-05 08:00 UTC") == 1


def test_charts_show_the_figures_of_the_marts(path: Path) -> None:
    """Expected values follow from the way the marts are generated."""
    page = Page(path)
    funnel = page.values("funnel")[:5]
    assert [bar["stage"] for bar in funnel] == STAGES
    assert [bar["number"] for bar in funnel] == [1040, 900, 340, 40, 2]
    assert funnel[3]["text"] == "Clicked 40 · 3.8%"
    assert page.values("hours")[0] == {"hour": 0, "end": 1, "clicks": 48 * 200}
    assert page.values("links")[0]["text"] == "999"
    assert {bar["name"]: bar["number"] for bar in page.values("devices")} == {
        "unknown": 400_000,
        "mobile": 200_000,
        "computer": 200_000,
    }
    assert {week["share"] for week in page.values("machines")} == {0.2}
    assert sum(week["clicks"] for week in page.values("machines")) < CLICKS


def test_missing_stages_are_left_out() -> None:
    """Two emails with the same name stay apart."""
    sent = datetime(2026, 1, 5, tzinfo=UTC)
    one = ("Sale", "primary_email", sent, 10, None, None, 3, None, sent)
    other = ("Sale", "primary_email", sent, None, None, None, 0, None, sent)
    bars = values_of(drawing.funnel([one, other]))
    assert [(bar["key"], bar["stage"], bar["number"]) for bar in bars] == [
        ("00Sale · 2026-01-05", "Sent", 10),
        ("00Sale · 2026-01-05", "Clicked", 3),
        ("01Sale · 2026-01-05", "Clicked", 0),
    ]


def test_an_empty_account_has_a_page(tmp_path: Path) -> None:
    """Each chart says that there is no data."""
    emptied = [f"delete from cc_clicks_marts.cc_clicks__{name}" for name in MARTS]
    url = warehouse(tmp_path / "none.duckdb", *statements(9), *emptied)
    result = report("--database", url, "--output", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert Page(tmp_path / "page.html").text.count("No data.") == len(CHARTS)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:secret@host/x", "named by postgresql://… or duckdb:///FILE"),
        ("duckdb:///", "named by postgresql://… or duckdb:///FILE"),
        ("duckdb:///{}/nowhere.duckdb", "nowhere.duckdb cannot be read"),
        ("duckdb:///{}/text.duckdb", "text.duckdb cannot be read"),
        ("duckdb:///{}/empty.duckdb", "then run dbt build"),
        ("duckdb:///{}/older.duckdb", "then run dbt build"),
        ("postgresql://me:secret@127.0.0.1:1/x", "check host, port, database"),
        ("postgresql+psycopg://me:secret%zz@127.0.0.1:1/x", "check host, port"),
    ],
)
def test_a_database_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, url: str, said: str
) -> None:
    """It shows no password, and no page is written."""
    (tmp_path / "text.duckdb").write_text("click_id\n" * 999, "utf-8")
    warehouse(tmp_path / "empty.duckdb")
    older = "alter table cc_clicks_marts.cc_clicks__emails drop column sends"
    warehouse(tmp_path / "older.duckdb", *statements(9), older)
    output = tmp_path / "page.html"
    result = report("--database", url.format(tmp_path), "--output", output)
    assert result.exit_code in {1, 2}
    assert said in result.stderr
    assert "secret" not in result.output
    assert len(result.stderr.splitlines()) <= 4
    assert not output.exists()


def test_a_page_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """It names the file."""
    url = warehouse(tmp_path / "clicks.duckdb", *statements(9))
    result = report("--database", url, "--output", tmp_path / "no" / "page.html")
    assert result.exit_code == 1
    assert "page.html cannot be written: No such file" in result.stderr


@pytest.mark.parametrize("module", ["altair", "duckdb", "psycopg"])
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """For drawing, and for each database."""
    url = "postgresql://host/x"
    if module == "duckdb":
        url = warehouse(tmp_path / "clicks.duckdb")
    monkeypatch.delitem(sys.modules, "tap_cc_clicks.cli.drawing")
    monkeypatch.delattr("tap_cc_clicks.cli.drawing")
    monkeypatch.setitem(sys.modules, module, None)
    result = report("--database", url)
    assert result.exit_code == 1
    assert re.search(r"pip install 'tap-cc-clicks\[.*report\]'", result.stderr)


def test_postgres_and_duckdb_give_the_same_charts(tmp_path: Path) -> None:
    """Missing rights and a missing schema have different sentences."""
    url = warehouse(tmp_path / "clicks.duckdb", *statements(9000))
    with Postgres(tmp_path / "postgres") as postgres:
        with psycopg.connect(postgres.url) as connection:
            for statement in (*statements(9000), "create role nobody login"):
                connection.execute(statement.encode())
        for name, place in (("one", url), ("other", postgres.sqlalchemy_url)):
            output = tmp_path / f"{name}.html"
            result = report("--database", place, "--output", output)
            assert result.exit_code == 0, result.output
        host = conninfo_to_dict(postgres.url)["host"]
        refused = report("--database", f"postgresql://nobody@/postgres?host={host}")
        missing = report("--database", postgres.url, "--schema", 'No "x" {}')
    one, other = (Page(tmp_path / f"{name}.html") for name in ("one", "other"))
    assert one.charts == other.charts
    assert "grant it usage of the schema, and select" in refused.stderr
    assert 'The schema No "x" {} has no models' in missing.stderr
