"""The report of the dependency audit."""

from __future__ import annotations

from tools.audit import summary


def test_packages_that_were_not_audited_are_listed() -> None:
    """A package that was not audited must not look free of vulnerabilities."""
    flaw = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}
    text = summary(
        "the image",
        [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "1.0", "vulns": [flaw]},
            {"name": "unknown", "skip_reason": "Dependency not found"},
        ],
    )
    assert (
        "audit of the image: 2 of 3 packages audited, 1 with known vulnerabilities"
        in text
    )
    assert "bad 1.0: PYSEC-2026-1 (fixed in 1.1)" in text
    assert (
        "NOT audited, as the advisory service did not answer for them: unknown" in text
    )
