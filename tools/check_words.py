"""Find words that this project avoids.

python tools/check_words.py PATH ...
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SUFFIXES = {".md", ".py", ".sql", ".toml", ".yml"}
BANNED = re.compile(
    r"\b("
    r"alike(?! in all of these)|disbelief|hush|mend|mended|owed|owes|whoever|woken"
    r"|bodies\.py|kinds\.py|moments\.py"
    r"|ask nothing|do no good|does no good"
    r"|for ever|good for nothing|hangs on|in good order|is to be understood"
    r"|none the better|only before an emulator|says where its"
    r"|speak `--json`|speaks up|this is the road|used up its requests"
    r"|was not to be seen|what is due"
    r")\b",
    re.IGNORECASE,
)


def files(paths: list[str]) -> list[Path]:
    """Return the files below these paths that git tracks."""
    listed = subprocess.run(  # noqa: S603 - no shell
        ["git", "ls-files", *paths],  # noqa: S607 - as found on PATH
        capture_output=True,
        text=True,
        check=True,
    )
    found = (Path(name) for name in listed.stdout.splitlines())
    return [
        path
        for path in found
        if path.suffix in SUFFIXES
        and path.name != Path(__file__).name
        and path.is_file()
    ]


def main() -> None:
    """Print each line with such a word; exit with 1 if any is found."""
    lines = [
        f"{path}:{number}: {match.group()}"
        for path in files(sys.argv[1:])
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (match := BANNED.search(line))
    ]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
