"""What is watched is what the service tells, and the alerts say what they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from bakeoff.serving.admission import Reason
from tests.deploy.manifests import DEPLOY, document, documents, required

pytest.importorskip("prometheus_client")

from bakeoff.serving.journal.writer import State
from bakeoff.serving.metrics import Metrics

yaml = required("yaml")

PROMETHEUS = DEPLOY / "prometheus"
ALERTS = document("prometheus/alerts.yaml")
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
ADAPTER = document("prometheus/adapter.yaml")["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))

ENDS = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
}


@pytest.fixture(scope="module")
def told() -> set[str]:
    """The names of all series that a service with a journal tells of itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
        metrics = Metrics(routes=())
    metrics.journal(
        State(text="ok", waiting=0, waiting_bytes=0, written=0, dropped=0, pictures_lost=0)
    )
    return {
        family.name + end
        for family in metrics.registry.collect()
        if family.name.startswith("bakeoff_")
        for end in ENDS[family.type]
    }


def named(text: str) -> set[str]:
    """Our series in an expression."""
    return set(re.findall(r"\bbakeoff_\w+", text))


def shown() -> Iterator[str]:
    """Every expression of the dashboard."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_alerts_ask_for_series_that_there_are(told: set[str]) -> None:
    """An alert on a name that nobody tells would never fire."""
    for rule in RULES:
        assert named(rule["expr"]) <= told
    assert named((PROMETHEUS / "alerts_test.yaml").read_text(encoding="utf-8")) <= told


def test_the_dashboard_shows_series_that_there_are(told: set[str]) -> None:
    """A panel on a name that nobody tells would stay empty."""
    for expression in shown():
        assert named(expression) <= told


def test_the_autoscaler_asks_for_what_is_made(told: set[str]) -> None:
    """Its metrics beside the processor's are those that the adapter makes of our series."""
    metrics = document("kubernetes/base/scaling.yaml")["spec"]["metrics"]
    asked = {one["pods"]["metric"]["name"] for one in metrics if one["type"] == "Pods"}
    assert asked == {rule["name"]["as"] for rule in ADAPTER}
    for rule in ADAPTER:
        assert named(rule["seriesQuery"]) and named(rule["seriesQuery"]) <= told


def test_every_reason_to_turn_away_counts() -> None:
    """The alert, and the dashboard's figure, know all reasons that admission has."""
    texts = [rule["expr"] for rule in RULES if rule["alert"] == "BakeoffTurningAway"]
    texts += [one for one in shown() if "reason=~" in one]
    found = re.findall(r'reason=~"([^"]+)"', " ".join(texts))
    assert len(texts) == 2
    assert [set(one.split("|")) for one in found] == [set(get_args(Reason))] * len(found)


def test_a_cluster_has_the_same_alerts() -> None:
    """What Prometheus's operator is given is what the tests of the alerts are held against."""
    rule = document("kubernetes/overlays/production/monitoring.yaml", "PrometheusRule")
    assert rule["spec"] == ALERTS


def test_every_alert_was_seen_to_fire_and_to_be_silent() -> None:
    """Each has series in alerts_test.yaml at which it fires, and others at which it does not."""
    fired: set[str] = set()
    silent: set[str] = set()
    for one in document("prometheus/alerts_test.yaml")["tests"]:
        for case in one["alert_rule_test"]:
            (fired if case.get("exp_alerts") else silent).add(case["alertname"])
    assert fired == silent == {rule["alert"] for rule in RULES}


def test_panels_stand_side_by_side() -> None:
    """Each has its own number, its place, and a source that can be chosen."""
    (source,) = DASHBOARD["templating"]["list"]
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24 and not cells & taken
        assert panel["datasource"]["uid"] == f"${{{source['name']}}}"
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


@pytest.fixture
def promtool() -> str:
    """Prometheus's own checker."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("BAKEOFF_REQUIRE_PROMTOOL"):
            pytest.fail("promtool is not installed, and BAKEOFF_REQUIRE_PROMTOOL is set")
        pytest.skip("promtool is not installed: alerts are not tried here")
    return found


def check(*words: str | Path) -> None:
    """Run a checker that has to be content."""
    done = subprocess.run(words, capture_output=True, text=True, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration(promtool: str) -> None:
    """With the alerts that it names."""
    check(promtool, "check", "config", "prometheus.yaml")


def test_alerts_fire_when_they_should(promtool: str) -> None:
    """And at no other time, by series of which each is known."""
    check(promtool, "test", "rules", "alerts_test.yaml")


def test_prometheus_understands_what_is_shown_and_scaled_by(promtool: str, tmp_path: Path) -> None:
    """Every expression of the dashboard and of the adapter."""
    texts = [one.replace("$__rate_interval", "1m") for one in shown()]
    for rule in ADAPTER:
        filled: Any = rule["metricsQuery"]
        for blank, word in (
            ("<<.Series>>", next(iter(named(rule["seriesQuery"])))),
            ("<<.LabelMatchers>>", 'pod="a"'),
            ("<<.GroupBy>>", "pod"),
        ):
            assert blank in filled
            filled = filled.replace(blank, word)
        texts.append(filled)
    rules = [{"record": f"shown:{place}", "expr": text} for place, text in enumerate(texts)]
    path = tmp_path / "shown.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}))
    check(promtool, "check", "rules", path)


def test_prometheus_looks_where_the_service_is() -> None:
    """The job's name is what the alerts ask for; in the compose file the service has that name."""
    (job,) = document("prometheus/prometheus.yaml")["scrape_configs"]
    ((target,),) = (one["targets"] for one in job["static_configs"])
    services = documents(DEPLOY / "compose.yaml")[0]["services"]
    host, _, port = target.partition(":")
    assert f'job="{job["job_name"]}"' in RULES[0]["expr"]
    assert services[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    # An operator's job has the name of the service.
    assert document("kubernetes/base/service.yaml")["metadata"]["name"] == job["job_name"]
