"""The list of words that ``make check`` refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools import check_words

if TYPE_CHECKING:
    from pathlib import Path

# Escaped, since this file is checked, too.
LISTED = "for\u0020ever"


@pytest.mark.parametrize(
    ("text", "code"), [(f"Data stays {LISTED}.", 1), ("Data stays.", 0)]
)
def test_words_on_the_list_are_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: int,
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n{text}\n")
    monkeypatch.setattr(check_words, "files", lambda _: [page])
    with pytest.raises(SystemExit) as end:
        check_words.main()
    assert end.value.code == code
    assert capsys.readouterr().out == (f"{page}:2: {LISTED}\n" if code else "")
