"""uv, the program that fetches Pythons and installs packages: found, or fetched into `var/tools/uv`."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.failure import Failure
from tools.interpreters import PROBE_SECONDS, on_path, starts
from tools.processes import run_logged
from tools.progress import Step
from tools.project import LOGS, ROOT, VAR, shown

UV_FOLDER = VAR / "tools" / "uv"
UV_REQUIREMENT = "uv>=0.5"
PACKAGE_INDEX = "https://pypi.org/simple"
INDEX_FORMAT = "application/vnd.pypi.simple.v1+json"  # PEP 691


def find_uv(environment: Mapping[str, str], works: Callable[[str], bool] = starts) -> str | None:
    """A uv that runs: from PATH, or the private one of an earlier run."""
    for program in (*on_path("uv", environment), str(UV_FOLDER / "bin" / "uv")):
        if works(program):
            return program
    return None


def obtain_uv(environment: Mapping[str, str]) -> str:
    """A uv that runs; if there is none it is fetched into `var/tools/uv`, by pip or, without pip, directly."""
    found = find_uv(environment)
    if found:
        return found
    log = LOGS / "setup-uv.log"
    shutil.rmtree(UV_FOLDER, ignore_errors=True)
    with Step("Fetching uv, which installs Python packages") as step:
        make = [sys.executable, "-m", "venv", str(UV_FOLDER)]
        install = [str(UV_FOLDER / "bin" / "python"), "-m", "pip", "install", UV_REQUIREMENT]
        beside = [sys.executable, "-m", "pip", "install", "--target", str(UV_FOLDER), UV_REQUIREMENT]
        for commands in ([make, install], [beside]):
            if all(run_logged(c, log, cwd=ROOT, environment=environment, on_line=step.update) == 0 for c in commands):
                break
            shutil.rmtree(UV_FOLDER, ignore_errors=True)
        else:
            step.update("this Python has no pip: from the package index")
            fetch_uv(UV_FOLDER / "bin" / "uv", environment.get("PIP_INDEX_URL") or PACKAGE_INDEX)
    found = find_uv(environment)
    if not found:
        raise Failure(f"uv was fetched but does not run on this machine; install uv yourself. Log: {shown(log)}")
    return found


def wheel_tags(machine: str, system: str) -> list[str]:
    """The parts of a wheel's file name that fit this machine, the best first."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    if system == "Darwin":
        return [f"macosx_{version}_{'arm64' if machine == 'aarch64' else machine}" for version in ("11_0", "10_12")]
    return [f"manylinux_2_17_{machine}", f"manylinux_2_28_{machine}", f"musllinux_1_1_{machine}"]


def fetch_uv(target: Path, index: str = PACKAGE_INDEX) -> None:
    """Downloads uv's newest wheel, checks its SHA-256 as the index gives it, and unpacks the one program in it."""
    page = index.rstrip("/") + "/uv/"
    request = urllib.request.Request(page, headers={"Accept": INDEX_FORMAT})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = json.load(answer)["files"]
        files = [file for file in files if file["filename"].endswith(".whl") and not file.get("yanked")]
        tags = wheel_tags(platform.machine(), platform.system())
        fitting = [file for file in files if any(tag in file["filename"] for tag in tags)]
        if not fitting:
            raise Failure(f"There is no uv for {platform.system()} on {platform.machine()}; install uv yourself.")
        newest = max(fitting, key=lambda file: str(file.get("upload-time", "")))
        with urllib.request.urlopen(urllib.parse.urljoin(page, newest["url"]), timeout=300) as answer:
            content = answer.read()
    except (OSError, ValueError, KeyError) as error:
        raise Failure(f"uv could not be fetched ({error}); check the network, or install uv yourself.") from error
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        raise Failure("The download of uv does not have the checksum that the package index gives; try again.")
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        name = next(entry for entry in wheel.namelist() if entry.endswith(".data/scripts/uv"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(wheel.read(name))
    target.chmod(0o755)


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: the package index and the certificates that pip was told of serve uv too."""
    settings = dict(environment)
    settings.pop("VIRTUAL_ENV", None)  # an environment that happens to be active is not ours
    told = pip_settings(settings)
    if "index-url" in told and not any(settings.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        settings["UV_DEFAULT_INDEX"] = told["index-url"]
    if "cert" in told:
        settings.setdefault("SSL_CERT_FILE", told["cert"])
    return settings


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The `index-url` and `cert` that pip has from its configuration files or, which counts more, its variables."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            timeout=PROBE_SECONDS,
        ).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        listed = ""
    found = dict(re.findall(r"^(?:global|install|user|site)\.(index-url|cert)='([^']+)'", listed, re.MULTILINE))
    for setting, variable in (("index-url", "PIP_INDEX_URL"), ("cert", "PIP_CERT")):
        if environment.get(variable):
            found[setting] = environment[variable]
    return found
