"""Audit the packages of an install of the tap and of the image.

Run by ``make audit``. Fails on a known vulnerability; where the advisory service cannot
be asked, it says so and passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]


PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--progress-spinner=off")
# The environments in the image.
IMAGE = ("image", "meltano", "targets", "dbt")
# Not this environment: a test tool may pin older packages than users get.
SUBJECTS: dict[str, Sequence[str]] = {
    "an install of today": ("--skip-editable", str(ROOT)),
    **{
        f"requirements/{name}.txt": (
            *("--no-deps", "--disable-pip"),
            *("--requirement", str(ROOT / "requirements" / f"{name}.txt")),
        )
        for name in IMAGE
    },
}


def main() -> None:
    """Audit, and report what was and what was not audited."""
    flawed = [subject for subject, source in SUBJECTS.items() if audit(subject, source)]
    sys.exit(bool(flawed))


def audit(subject: str, source: Sequence[str]) -> bool:
    """Audit a set of packages; return whether one has a known vulnerability."""
    result = subprocess.run(  # noqa: S603 - our own command
        [*PIP_AUDIT, "--format=json", *source],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        dependencies = json.loads(result.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (result.stderr.strip() or "no answer").splitlines()[-1]
        sys.stdout.write(f"audit of {subject}: nothing could be audited ({reason})\n")
        return False
    sys.stdout.write(told(subject, dependencies))
    return any(dependency.get("vulns") for dependency in dependencies)


def told(subject: str, dependencies: list[dict[str, Any]]) -> str:
    """Return the findings.

    Args:
        subject: What was audited.
        dependencies: What pip-audit reports of each package.
    """
    skipped = [one for one in dependencies if "skip_reason" in one]
    vulnerable = [one for one in dependencies if one.get("vulns")]
    audited = f"{len(dependencies) - len(skipped)} of {len(dependencies)} packages"
    flaws = f"{len(vulnerable)} with known vulnerabilities"
    lines = [f"audit of {subject}: {audited} audited, {flaws}"]
    lines += [_vulnerable(one) for one in vulnerable]
    if skipped:
        lines.append(
            f"audit of {subject}: NOT audited, as the advisory service did not answer "
            f"for them: {', '.join(one['name'] for one in skipped)}"
        )
    return "\n".join(lines) + "\n"


def _vulnerable(dependency: dict[str, Any]) -> str:
    found = ", ".join(
        f"{one['id']} (fixed in {' or '.join(one['fix_versions']) or 'no version'})"
        for one in dependency["vulns"]
    )
    return f"audit: {dependency['name']} {dependency['version']}: {found}"


if __name__ == "__main__":
    main()
