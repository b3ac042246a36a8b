"""The published files: the source distribution, and the wheel built from it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from demo.stack import ROOT, tool
from tests.commands import run
from tools import sync_settings
from tools.audit import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from tap_cc_clicks.sandbox import Sandbox

# The folders that tests use besides the package.
TESTED = (
    *("catalog", "demo", "examples", "hub", "requirements", "tests", "tools"),
    "transform",
)
pytestmark = pytest.mark.xdist_group("package")

IMAGE = ROOT / "requirements" / "image.txt"
# In older versions, a hostile server's response can fill the memory.
LEAST_URLLIB3 = Version("2.6.3")
NEVER = {".venv", ".git", ".meltano", ".env", "output", "__pycache__", "data"}


def build(kind: str, source: Path, into: Path) -> Path:
    """Build a distribution with the installed build backend, without a network."""
    hatchling = (sys.executable, "-m", "hatchling", "build")
    built = run(*hatchling, "-t", kind, "-d", into, cwd=source)
    assert built.returncode == 0, built.stderr
    (path,) = into.iterdir()
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source distribution."""
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def source(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the source distribution unpacks to."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        # Python before 3.11.4 has no filters; the archive was made here.
        archive.extraction_filter = lambda member, _: member
        archive.extractall(folder)
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built as an installer would from the source distribution."""
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of an environment with the wheel and no extras."""
    commands = tmp_path_factory.mktemp("installed") / "bin"
    uv = tool("uv", "uv")
    run(uv, "venv", "--allow-existing", "--python", sys.executable, commands.parent)
    install = (uv, "pip", "install", "--python", commands / "python")
    installing = run(*install, "--constraint", IMAGE, wheel)
    assert installing.returncode == 0, installing.stderr
    return commands


def files(folder: str) -> set[str]:
    """Return the files of a folder of the repository, without local ones."""
    paths = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    relative = [path.relative_to(ROOT) for path in paths]
    return {path.as_posix() for path in relative if not NEVER & set(path.parts)}


def metadata(wheel: Path) -> Message:
    """Return the wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("/METADATA")]
        return message_from_bytes(archive.read(name))


def test_the_wheel_contains_only_the_package(wheel: Path) -> None:
    """Modules, schemas and py.typed, but no tests, catalogs or demo."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if ".dist-info/" in name}
    assert names - about == files("tap_cc_clicks")
    assert {
        "tap_cc_clicks/py.typed",
        "tap_cc_clicks/schemas/email_clicks.json",
        "tap_cc_clicks/cli/commands.py",
        "tap_cc_clicks/sandbox/server.py",
    } < names
    assert {Path(name).name for name in about} == {
        *("METADATA", "WHEEL", "RECORD", "LICENSE", "entry_points.txt")
    }


def test_the_source_distribution_can_be_tested(sdist: Path) -> None:
    """It contains all that the tests use, and no local files."""
    with tarfile.open(sdist) as archive:
        paths = [Path(*Path(one.name).parts[1:]) for one in archive.getmembers()]
    assert not NEVER & {part for path in paths for part in path.parts}
    names = {path.as_posix() for path in paths}
    for folder in TESTED:
        assert files(folder) <= names, folder
    assert {"Makefile", "constraints.txt", "meltano.yml", ".env.example"} < names


def test_a_source_distribution_contains_no_stray_files(tmp_path: Path) -> None:
    """Only listed files are packed, so no credentials of the working folder."""
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*NEVER))
    stray = {
        "config.json",
        "tokens.json",
        "tokens.json.lock",
        ".env.prod",
        "state.json",
    }
    for folder in ("", "tap_cc_clicks", "transform", "examples", "docs", "tests"):
        for name in stray:
            (source / folder / name).write_text("secret")
    into = tmp_path / "built"
    into.mkdir()
    with tarfile.open(build("sdist", source, into)) as archive:
        names = {Path(one.name).name for one in archive.getmembers()}
    assert not names & stray
    assert "tap.py" in names


def test_the_image_installs_what_is_audited() -> None:
    """Each environment is installed from pins, the tap from those of the image."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    name = IMAGE.relative_to(ROOT).as_posix()
    assert f"UV_CONSTRAINT={name} meltano install extractor" in dockerfile
    # The models' pins are in meltano.yml.
    used = {*re.findall(r"requirements/\w+\.txt", dockerfile), "requirements/dbt.txt"}
    assert used - {"requirements/uv.txt"} == {*SUBJECTS} - {"an install of today"}


def test_the_image_pins_every_package_of_an_install() -> None:
    """The tap's own bounds exclude vulnerable versions of urllib3."""
    pinned = pins()
    brought = installs("tap-cc-clicks")
    assert {"requests", "singer-sdk", "urllib3"} <= brought <= pinned.keys()
    assert pinned["urllib3"] >= LEAST_URLLIB3
    (bound,) = [one for one in requirements("tap-cc-clicks") if one.name == "urllib3"]
    assert not bound.specifier.contains("2.6.2")


def pins() -> dict[str, Version]:
    """Return the versions that the image installs on this Python."""
    lines = map(Requirement, IMAGE.read_text("utf-8").splitlines())
    fitting = [one for one in lines if not one.marker or one.marker.evaluate()]
    return {
        canonicalize_name(one.name): Version(str(one.specifier).removeprefix("=="))
        for one in fitting
    }


def requirements(package: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return the requirements of an installed package on this platform."""
    return [
        one
        for one in map(Requirement, importlib.metadata.requires(package) or ())
        if not one.marker
        or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def installs(package: str) -> set[str]:
    """Return the names of all dependencies of a package."""
    waiting = requirements(package)
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name not in found or one.extras:
            found.add(name)
            waiting += requirements(name, one.extras)
    return found


def test_the_metadata_is_complete(wheel: Path, sdist: Path) -> None:
    """Licence, Python versions and extras are declared."""
    checked = run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist)
    assert checked.returncode == 0, checked.stdout
    about = metadata(wheel)
    assert about["Name"] == "tap-cc-clicks"
    assert about["License-Expression"] == "Apache-2.0"
    assert about["License-File"] == "LICENSE"
    assert about["Requires-Python"] == ">=3.11"
    assert about.get_all("Provides-Extra") == [
        "cli",
        "reconcile",
        "report",
        "sandbox",
    ]
    assert "Typing :: Typed" in about.get_all("Classifier", [])


@pytest.mark.slow
def test_an_installed_tap_runs(installed: Path, wheel: Path) -> None:
    """It reports its version and the default streams."""
    version = metadata(wheel)["Version"]
    tap = installed / "tap-cc-clicks"
    assert f"tap-cc-clicks v{version}," in run(tap, "--version").stdout
    about = json.loads(run(tap, "--about", "--format=json").stdout)
    assert about["version"] == version
    catalog = json.loads(run(tap, "--discover").stdout)
    default = json.loads((ROOT / "catalog" / "default.json").read_text("utf-8"))
    assert [one["tap_stream_id"] for one in catalog["streams"]] == [
        one["tap_stream_id"] for one in default["streams"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["cli", "sandbox"])
def test_a_missing_extra_is_named(installed: Path, extra: str) -> None:
    """The last line has the command that installs it."""
    module = f"tap_cc_clicks.{extra}"
    result = run(installed / "python", "-m", module, cwd=installed.parent)
    assert result.returncode == 1
    said = result.stderr.splitlines()[-1]
    assert f"needs more packages: pip install 'tap-cc-clicks[{extra}]'" in said


def test_meltano_accepts_the_hub_definition(tmp_path: Path) -> None:
    """It lists all settings, and the groups of required ones."""
    (tmp_path / "meltano.yml").write_text(
        "project_id: test\nsend_anonymous_usage_stats: false\n", "utf-8"
    )
    meltano, reference = tool("meltano", "meltano"), str(ROOT / sync_settings.HUB)
    add = ("add", "--no-install", "--from-ref", reference, "tap-cc-clicks")
    added = run(meltano, *add, cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    listed = run(meltano, "config", "list", "--all", "tap-cc-clicks", cwd=tmp_path)
    for name in sync_settings.settings():
        assert f"\n{name} " in listed.stdout, name
    assert "Group 1: client_id, refresh_token\n" in listed.stdout
    assert "Group 2: access_token\n" in listed.stdout


@pytest.mark.slow
def test_ten_lines_add_the_tap_to_a_project(tmp_path: Path, sandbox: Sandbox) -> None:
    """Those of the README, with the path of this clone."""
    readme = (ROOT / "README.md").read_text("utf-8")
    lines = readme.split("<!-- minimal -->\n```yaml\n")[1].split("```")[0]
    assert lines.count("\n") == 10
    clone = lines.replace("../tap-cc-clicks", str(ROOT))
    names = ("api_url", "token_url", "requests_per_second")
    config = {name: sandbox.config[name] for name in names}
    project = (
        f"project_id: test\nsend_anonymous_usage_stats: false\n{clone}"
        f"    config: {json.dumps(config)}\n"
    )
    (tmp_path / "meltano.yml").write_text(project, "utf-8")
    secrets = {
        name: sandbox.config[name.lower().removeprefix("tap_cc_clicks_")]
        for name in ("TAP_CC_CLICKS_CLIENT_ID", "TAP_CC_CLICKS_REFRESH_TOKEN")
    }
    meltano, variables = tool("meltano", "meltano"), {**os.environ, **secrets}
    result = run(meltano, "invoke", "tap-cc-clicks", cwd=tmp_path, env=variables)
    assert result.returncode == 0, result.stderr
    assert '"stream":"email_clicks","record"' in result.stdout
