"""Audit the packages of an installation and of the image for known vulnerabilities.

Run by ``make audit``. Fails on a known vulnerability. If the advisory service cannot be
reached, reports that and passes.
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
# Not this environment: development tools may restrict versions that users get.
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
    """Audit all sets of packages and print the results."""
    flawed = [subject for subject, source in SUBJECTS.items() if audit(subject, source)]
    sys.exit(bool(flawed))


def audit(subject: str, source: Sequence[str]) -> bool:
    """Audit a set of packages; return whether any has a known vulnerability."""
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
    sys.stdout.write(summary(subject, dependencies))
    return any(dependency.get("vulns") for dependency in dependencies)


def summary(subject: str, dependencies: list[dict[str, Any]]) -> str:
    """Return the summary to print.

    Args:
        subject: What was audited.
        dependencies: The packages in pip-audit's report.
    """
    skipped = [package for package in dependencies if "skip_reason" in package]
    vulnerable = [package for package in dependencies if package.get("vulns")]
    audited = f"{len(dependencies) - len(skipped)} of {len(dependencies)} packages"
    flaws = f"{len(vulnerable)} with known vulnerabilities"
    lines = [f"audit of {subject}: {audited} audited, {flaws}"]
    lines += [_vulnerable(package) for package in vulnerable]
    if skipped:
        lines.append(
            f"audit of {subject}: NOT audited, as the advisory service did not answer "
            f"for them: {', '.join(package['name'] for package in skipped)}"
        )
    return "\n".join(lines) + "\n"


def _vulnerable(dependency: dict[str, Any]) -> str:
    found = ", ".join(
        f"{flaw['id']} (fixed in {' or '.join(flaw['fix_versions']) or 'no version'})"
        for flaw in dependency["vulns"]
    )
    return f"audit: {dependency['name']} {dependency['version']}: {found}"


if __name__ == "__main__":
    main()
