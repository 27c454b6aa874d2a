"""The compose file starts a service that its neighbours find."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bakeoff.serving.settings import Settings
from bakeoff.spec.amounts import parse_duration
from tests.deploy.manifests import DEPLOY, document, options

COMPOSE = document("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROVISIONING = DEPLOY / "grafana" / "provisioning"


def mounts(name: str) -> dict[str, str]:
    """By their place in the container, without defaults of variables."""
    plain = (re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", one) for one in SERVICES[name]["volumes"])
    return {place: source for source, place, *_ in (one.split(":") for one in plain)}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_named_is_declared(name: str) -> None:
    """Networks and volumes are declared, and folders of this project are there."""
    assert set(SERVICES[name]["networks"]) <= set(COMPOSE["networks"])
    for source in mounts(name).values():
        if source.startswith("./"):
            assert (DEPLOY / source).exists()
        else:
            assert source in COMPOSE["volumes"] or source == "../bakeoffs"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_else_is_listened_to(name: str) -> None:
    """No keys are asked for: ports are open to this machine only."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"bakeoff"}))
def test_images_have_versions(name: str) -> None:
    """What is fetched does not change from one day to the next."""
    assert re.fullmatch(r"[a-z/]+:v?\d+(\.\d+)+", SERVICES[name]["image"])


def test_passwords_are_asked_for() -> None:
    """Without them nothing starts, rather than with one that everybody knows."""
    words = [
        value
        for one in SERVICES.values()
        for key, value in one.get("environment", {}).items()
        if "PASSWORD" in key
    ]
    assert len(words) == 3
    assert all(re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", word) for word in words)


def test_the_service_is_started_with_what_it_knows() -> None:
    """Its options are there, nothing but its volume is written to, and it has time to end."""
    one = SERVICES["bakeoff"]
    verb, _, *rest = one["command"]
    assert verb == "serve" and {word.partition("=")[0] for word in rest} <= options()
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"]
    assert "/var/lib/bakeoff" in mounts("bakeoff") and one["tmpfs"] == ["/tmp"]
    own = Settings(champion=None)
    ends = parse_duration(one["stop_grace_period"], field="stop_grace_period")
    assert ends >= own.grace + own.drain + 5


def test_the_journal_is_the_database_beside_it() -> None:
    """User, host, database and password are the same on both sides."""
    made, asked = SERVICES["postgres"]["environment"], SERVICES["bakeoff"]
    (journal,) = (word for word in asked["command"] if word.startswith("--journal="))
    assert (
        journal == f"--journal=postgresql://{made['POSTGRES_USER']}@postgres/{made['POSTGRES_DB']}"
    )
    assert asked["environment"]["PGPASSWORD"] == made["POSTGRES_PASSWORD"]
    assert set(asked["networks"]) & set(SERVICES["postgres"]["networks"])


def test_grafana_finds_dashboard_and_source() -> None:
    """Where it looks is where they are mounted."""
    source = document("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]
    provider = document("grafana/provisioning/dashboards/bakeoff.yaml")["providers"][0]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert source["url"] == "http://prometheus:9090" and source["isDefault"]
    assert str(Path(home).parent) == provider["options"]["path"]
    held = mounts("grafana")
    assert DEPLOY / held["/etc/grafana/provisioning"] == PROVISIONING
    assert json.loads((DEPLOY / held[home]).read_text(encoding="utf-8"))["title"] == "Bakeoff"


def test_prometheus_finds_its_configuration() -> None:
    """The file that it is started with lies in the folder that is mounted."""
    (word,) = (one for one in SERVICES["prometheus"]["command"] if "--config.file" in one)
    path = Path(word.partition("=")[2])
    assert (DEPLOY / mounts("prometheus")[str(path.parent)] / path.name).exists()
