"""The files to run TickStock with: the systemd unit, the container and its neighbours."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.config.settings import PROJECT_ROOT, settings_keys
from tests.integration.test_start_all_services import COPIED

DEPLOY = PROJECT_ROOT / "deploy"
UNIT = DEPLOY / "tickstock.service"
SECRETS = DEPLOY / "tickstock-secrets.conf"
DEPLOYMENT_GUIDE = PROJECT_ROOT / "docs/guides/deployment.md"
PROXY_GUIDE = PROJECT_ROOT / "docs/guides/reverse-proxy.md"
# What `systemd-analyze security` calls OK ends at 4.9; ours is 1.4, since it needs the network.
_MOST_EXPOSED = 2.0

with_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze (apt-get install systemd)"
)


class _Directives(dict[str, Any]):
    """Those of a section, of which some come several times."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and key in self:
            value = self[key] + value
        super().__setitem__(key, value)


def section(path: Path, name: str) -> dict[str, list[str]]:
    """The directives of a section of a unit, each with its values."""
    parser = configparser.RawConfigParser(strict=False, dict_type=_Directives, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # directives have capital letters
    parser.read(path)
    return {key: value.splitlines() for key, value in parser[name].items()}


def environment(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in section(path, "Service")["Environment"])


def test_the_unit_starts_the_program_as_nobody_else_with_a_state_of_its_own() -> None:
    service = section(UNIT, "Service")
    folder = service["WorkingDirectory"][0]
    assert service["ExecStart"] == [f"/usr/bin/python3 {folder}/start_all_services.py"]
    assert service["DynamicUser"] == ["yes"]
    assert environment(UNIT)["DATA_DIR"] == f"%S/{service['StateDirectory'][0]}"
    assert service["RestartPreventExitStatus"] == ["2"], "what the launcher ends with after a wrong setting"
    assert int(service["TimeoutStopSec"][0]) > 12, "longer than an orderly stop takes"
    assert service["KillMode"] == ["mixed"]


def test_the_unit_is_hardened() -> None:
    service = section(UNIT, "Service")
    for directive in (
        "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectKernelTunables", "ProtectClock",
        "ProtectKernelModules", "ProtectControlGroups", "RestrictNamespaces", "RestrictSUIDSGID", "LockPersonality",
        "MemoryDenyWriteExecute",
    ):  # fmt: skip
        assert service[directive] == ["yes"], directive
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [], "none"
    assert service["SystemCallFilter"] == ["@system-service", "~@privileged"]


def test_every_secret_comes_as_a_credential_and_every_key_is_a_setting() -> None:
    text = SECRETS.read_text()
    given = dict(re.findall(r"^(?:# )?Environment=(\w+)=%d/(\w+)$", text, re.MULTILINE))
    loaded = re.findall(r"^(?:# )?LoadCredential=(\w+):/etc/tickstock/\1$", text, re.MULTILINE)
    assert list(given.values()) == loaded
    assert set(given) <= set(settings_keys())
    assert all(key == f"{name.upper()}_FILE" for key, name in given.items())
    assert {key for key in environment(UNIT) if not key.startswith("PYTHON")} <= set(settings_keys())


@with_systemd
def test_systemd_understands_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    folder = tmp_path / "tickstock.service.d"
    folder.mkdir()
    unit = Path(shutil.copy(UNIT, tmp_path))
    shutil.copy(SECRETS, folder / "secrets.conf")
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    assessed = subprocess.run(command, capture_output=True, text=True)
    exposure = re.search(r"Overall exposure level for tickstock.service: ([\d.]+)", assessed.stdout)
    assert exposure, assessed.stderr
    assert float(exposure[1]) <= _MOST_EXPOSED


# -- containers ----------------------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return parsed


def test_the_composition_names_only_what_it_defines() -> None:
    parsed = compose()
    for service in parsed["services"].values():
        assert set(service.get("secrets", [])) <= set(parsed["secrets"])
        volumes = {volume.split(":")[0] for volume in service["volumes"]}
        assert volumes <= set(parsed["volumes"])
    used = {name for service in parsed["services"].values() for name in service.get("secrets", [])}
    assert used == set(parsed["secrets"])
    assert parsed["services"]["tickstock"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_no_port_is_published_but_on_loopback() -> None:
    services = compose()["services"]
    assert "ports" not in services["database"]
    assert services["tickstock"]["ports"] == ["127.0.0.1:5000:5000"]


def test_secrets_come_as_files_and_every_key_is_a_setting() -> None:
    parsed = compose()
    keys = parsed["services"]["tickstock"]["environment"]
    assert set(keys) <= set(settings_keys())
    files = {value for key, value in keys.items() if key.endswith("_FILE")}
    assert files == {f"/run/secrets/{name}" for name in parsed["services"]["tickstock"]["secrets"]}
    plain = parsed["services"]["database"]["environment"]
    assert not [key for key in {**keys, **plain} if re.search("PASSWORD|KEY|TOKEN|URL", key) and not allowed(key)]


def allowed(key: str) -> bool:
    return key.endswith("_FILE") or key == "SYMBOL_UNIVERSE_KEY"


def test_the_image_is_pinned_runs_as_nobody_special_and_holds_what_the_program_needs() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert "FROM python:3.11-slim-bookworm" in lines
    assert re.fullmatch(r"timescale/timescaledb:[\d.]+-pg\d\d", compose()["services"]["database"]["image"])
    assert "USER tickstock" in lines[lines.index("RUN python3 start_all_services.py --prepare") :]
    copied = {source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]}
    assert copied == set(COPIED), "the tests of the start run with just these"
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


# -- guides --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [UNIT, SECRETS, DEPLOY / "compose.yaml", DEPLOY / "Dockerfile"], ids=lambda p: p.name)
def test_the_guide_tells_of_each(path: Path) -> None:
    assert str(path.relative_to(PROJECT_ROOT)) in DEPLOYMENT_GUIDE.read_text()


@pytest.mark.parametrize("name", ["nginx/tickstock.conf", "caddy/Caddyfile"])
def test_the_proxy_guide_tells_of_each(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert f"deploy/{name}" in PROXY_GUIDE.read_text()
    assert "127.0.0.1:5000" in text
    assert "docs/guides/reverse-proxy.md" in text


def test_secrets_of_the_composition_are_never_committed() -> None:
    assert "deploy/secrets/" in (PROJECT_ROOT / ".gitignore").read_text().splitlines()
