"""``make compare``: prints a table, and writes it into docs/performance.md.

Each tool has its own server with the same account, so that its requests are counted
separately. Only counts are claimed, not seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.bench.compare.account import HOURS, Key, fill, go_on, truth
from tests.bench.compare.tools import ALL, ROOT, UNLIMITED, Tool
from tests.bench.service import Service

PAGE = ROOT / "docs" / "performance.md"
START, END = "<!-- compare -->", "<!-- /compare -->"
CAMPAIGNS = 200
# The account that is read at the API's pace is small, as that is slow.
CAMPAIGNS_PACED = 10
PER_SECOND = 4
UNMOVED = "A click does not move the `updated_at` of its campaign."
HEAD = ["tool", "first run", "second run", "missing", "doubled", "answered 429"]


def compare(tool: Tool, now: float) -> tuple[list[str], Counter[str]]:
    """Return a tool's counts after two runs, and its missing new clicks by kind."""
    with Service(0, 0) as service:
        service.on_account(partial(fill, CAMPAIGNS, now))
        tool.run(service.config, HOURS, UNLIMITED)
        first = service.traffic().endpoints.total()
        kinds: dict[Key, str] = service.on_account(go_on)
        tool.run(service.config, 0, UNLIMITED)
        second = service.traffic().endpoints.total()
        there: Counter[Key] = service.on_account(truth)
    loaded = tool.loaded()
    missing, doubled = there - loaded, loaded - there
    why: Counter[str] = Counter()
    for key, number in missing.items():
        why[kinds.get(key, "others")] += number
    counts = (first, second, missing.total(), doubled.total())
    return [f"{count:,}" for count in counts], why


def throttled(tool: Tool, now: float) -> str:
    """Return the share of a first run's requests that is answered with 429."""
    with Service(0, 0, limited=True) as service:
        service.on_account(partial(fill, CAMPAIGNS_PACED, now))
        tool.run(service.config, HOURS, PER_SECOND)
        return f"{100 * service.traffic().throttled:.0f} %"


def measure(folder: Path, now: float) -> tuple[list[list[str]], list[str]]:
    """Return the table's lines, and a sentence for each tool with missing clicks."""
    lines, sentences = [HEAD], []
    for number, (kind, changed_only) in enumerate(ALL):
        tool = kind(folder / f"{number}", changed_only=changed_only)
        counts, why = compare(tool, now)
        again = kind(folder / f"{number}-paced", changed_only=changed_only)
        lines.append([tool.name, *counts, throttled(again, now)])
        print(" | ".join(lines[-1]), dict(why), flush=True)
        if why:
            sentences.append(_sentence(tool, why))
    return lines, sentences


def _sentence(tool: Tool, missing: Counter[str]) -> str:
    """Return the clicks that a tool misses, and the reason."""
    told = ", ".join(f"{kind} ({count})" for kind, count in sorted(missing.items()))
    return f"- {tool.name}: misses {told}. {UNMOVED if tool.changed_only else tool.why}"


def main() -> None:
    """Print the table, and write it."""
    with tempfile.TemporaryDirectory() as name:
        lines, sentences = measure(Path(name), time.time())
    head, *rows = ["| " + " | ".join(line) + " |" for line in lines]
    table = "\n".join([head, "| --- " * len(HEAD) + "|", *rows])
    text = f"{START}\n{table}\n\n" + "\n".join(sentences) + f"\n{END}"
    print(text)
    page = PAGE.read_text("utf-8")
    before, found, rest = page.partition(START)
    if not found:
        message = f"{PAGE.name} has no {START}"
        raise LookupError(message)
    PAGE.write_text(before + text + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
