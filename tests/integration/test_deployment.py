"""Deployment: the image's build steps, the Kubernetes manifest and Meltano's job."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from demo.run import query
from demo.stack import ROOT, Postgres, settings_of
from tests.commands import output_of

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

MANIFEST = ROOT / "examples" / "kubernetes" / "cronjob.yaml"
# A maintained version of Kubernetes, and the oldest one in wide use.
VERSIONS = ("1.30", "1.34")
JOB = "clicks-to-postgres-models"


def read(path: Path) -> Any:
    """Return the content of a YAML file."""
    return YAML(typ="safe").load(path)


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions and their arguments."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    return [
        (name, " ".join(rest.split()))
        for name, _, rest in (line.partition(" ") for line in lines.splitlines())
        if name
    ]


class Image:
    """The Dockerfile's steps, run in a folder that stands in for the image's root.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        """Create what the base image and its first step provide."""
        self.root = root
        self.work = root / "project"
        for folder in (self.work, root / "tmp", root / "var/lib"):
            folder.mkdir(parents=True)
        subprocess.run([sys.executable, "-m", "venv", root / "base"], check=True)
        path = os.pathsep.join([str(root / "base" / "bin"), os.environ["PATH"]])
        # Caches and access to a package index come from the host.
        kept = ("HOME", "LANG", "TMPDIR", "XDG_", "UV_", "PIP_", "SSL_", "REQUESTS_")
        self.environment = {
            **{name: one for name, one in os.environ.items() if name.startswith(kept)},
            "UV_SYSTEM_CERTS": "true",
            "PATH": path,
        }

    def inside(self, text: str) -> str:
        """Return a command or value with the image's paths moved into the folder."""
        return re.sub(
            r"(?<![\w.])/(?=meltano|project|var/lib|tmp/)", f"{self.root}/", text
        )

    def copy(self, arguments: str) -> None:
        """Copy files of the build context, which .dockerignore must admit."""
        lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        admitted = [line[1:] for line in lines if line.startswith("!")]
        *sources, target = re.sub(r"--chown=\d+ ", "", arguments).split()
        for source in sources:
            assert any(
                fnmatch(source, one) or one.startswith(f"{source}/") for one in admitted
            ), source
            into = self.work / self.inside(target)
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
                shutil.copytree(ROOT / source, into, ignore=ignored, dirs_exist_ok=True)
            else:
                into.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, into)

    def run(self, command: str, **more: str) -> None:
        """Run a command as a build step or as the container."""
        environment = {**self.environment, **more}
        output_of("sh", "-c", self.inside(command), cwd=self.work, env=environment)

    def set(self, arguments: str) -> None:
        """Set environment variables, but keep the cache enabled."""
        for name, value in (one.split("=", 1) for one in arguments.split()):
            if name != "UV_NO_CACHE":
                path = self.environment["PATH"]
                self.environment[name] = self.inside(value).replace("$PATH", path)


@pytest.mark.slow
@pytest.mark.xdist_group("image")
def test_the_image_steps_produce_a_working_container(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """All steps but useradd are run, then the container's command."""
    image = Image(tmp_path / "image")
    steps = instructions()
    for name, arguments in steps:
        if name == "COPY":
            image.copy(arguments)
        elif name == "ENV":
            image.set(arguments)
        elif name == "RUN" and not arguments.startswith("useradd"):
            image.run(arguments)
    said = dict(steps)
    command = [*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])]
    with Postgres(tmp_path / "postgres") as postgres:
        image.run(
            " ".join(command),
            TARGET_POSTGRES_SQLALCHEMY_URL=postgres.sqlalchemy_url,
            **postgres.dbt_settings,
            **settings_of(sandbox.config),
        )
        for table in (
            "tap_cc_clicks.email_clicks",
            "cc_clicks_marts.cc_clicks__clicks",
        ):
            (count,) = query(postgres, f"select count(*) from {table}")
            assert count == (len(sandbox.account.rows()),)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifest_is_valid_for_kubernetes(version: str) -> None:
    """The manifest has no property unknown to Kubernetes."""
    kubernetes_validate.validate(read(MANIFEST), version, strict=True)


def test_image_manifest_and_schedule_run_the_same_job() -> None:
    """The job's last step builds and tests the models."""
    project = read(ROOT / "meltano.yml")
    tasks = {job["name"]: job["tasks"] for job in project["jobs"]}
    assert tasks[JOB][-1].endswith(" dbt-postgres:build")
    assert [one["job"] for one in project["schedules"]] == [JOB]
    template = read(MANIFEST)["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["args"] == ["run", JOB]
    assert json.loads(dict(instructions())["CMD"]) == ["run", JOB]
    assert f"meltano run {JOB}" in (ROOT / "docs" / "deployment.md").read_text("utf-8")
