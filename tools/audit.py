"""Look for known vulnerabilities in what an install of the tap brings today.

Run by ``make audit``. Fails on a known vulnerability; where the advisory service cannot
be asked, it says so and passes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Audit, and say what could and what could not be audited."""
    # The project's own requirements, resolved anew, and not this environment: a tool
    # for the tests may hold back what users get.
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off"]
    result = subprocess.run(  # noqa: S603 - our own command
        [*command, "--skip-editable", "--format=json", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        dependencies = json.loads(result.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (result.stderr.strip() or "no answer").splitlines()[-1]
        sys.stdout.write(f"audit: nothing could be audited ({reason})\n")
        return
    sys.stdout.write(told(dependencies))
    sys.exit(any(dependency.get("vulns") for dependency in dependencies))


def told(dependencies: list[dict[str, Any]]) -> str:
    """Return what there is to say.

    Args:
        dependencies: What pip-audit reports of each package.
    """
    skipped = [one for one in dependencies if "skip_reason" in one]
    vulnerable = [one for one in dependencies if one.get("vulns")]
    audited = f"{len(dependencies) - len(skipped)} of {len(dependencies)} packages"
    lines = [f"audit: {audited} audited, {len(vulnerable)} with known vulnerabilities"]
    lines += [_vulnerable(one) for one in vulnerable]
    if skipped:
        lines.append(
            f"audit: NOT audited, as the advisory service did not answer for them: "
            f"{', '.join(one['name'] for one in skipped)}"
        )
    return "\n".join(lines) + "\n"


def _vulnerable(dependency: dict[str, Any]) -> str:
    found = ", ".join(
        f"{one['id']} (mended in {' or '.join(one['fix_versions']) or 'no version'})"
        for one in dependency["vulns"]
    )
    return f"audit: {dependency['name']} {dependency['version']}: {found}"


if __name__ == "__main__":
    main()
