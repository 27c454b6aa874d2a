"""Kubernetes takes what it is given, and what is given fits the service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bakeoff.serving.journal.scribe import Keep
from bakeoff.serving.openapi import described
from bakeoff.serving.settings import Settings
from bakeoff.spec.amounts import parse_duration
from bakeoff.version import __version__
from tests.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    document,
    documents,
    options,
    overlaid,
    pod,
    required,
    settings,
)

kubernetes_validate = required("kubernetes_validate")

VERSIONS = ("1.30", "1.37")
"""The oldest whose pods may sleep before they end, and the newest that is known."""

FOREIGN = {
    "InferenceService",
    "Kustomization",
    "PrometheusRule",
    "ServiceMonitor",
    "ServingRuntime",
}
"""Kinds that come with other programs, whose schemas are not at hand."""

PRODUCTION = KUBERNETES / "overlays" / "production"
BASE = sorted((KUBERNETES / "base").glob("*.yaml"))
OWN = [
    path for path in (*BASE, *sorted(PRODUCTION.glob("*.yaml"))) if path.name != "deployment.yaml"
]

DEPLOYMENT = document("kubernetes/base/deployment.yaml")
PRODUCED = overlaid(DEPLOYMENT, PRODUCTION)
RUNTIME = document("kserve/inferenceservice.yaml", "ServingRuntime")
PODS = {"base": pod(DEPLOYMENT), "production": pod(PRODUCED), "kserve": RUNTIME["spec"]}
LABELS = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]


def valid(one: dict[str, Any], version: str) -> None:
    """Hold a document against the schema of its kind, which names every field there is."""
    kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", OWN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_document_keeps_to_its_schema(path: Path, version: str) -> None:
    """No field is misspelt, missing or of the wrong kind."""
    for one in documents(path):
        if one["kind"] not in FOREIGN:
            valid(one, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PODS)
def test_every_pod_keeps_to_its_schema(name: str, version: str) -> None:
    """Also the one that an overlay makes, and the one that is inside of KServe's own kind."""
    spec = {key: PODS[name][key] for key in PODS[name] if key not in _RUNTIMES_OWN}
    valid({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}, version)


_RUNTIMES_OWN = {"multiModel", "protocolVersions", "supportedModelFormats"}


@pytest.mark.parametrize("deployment", [DEPLOYMENT, PRODUCED], ids=["base", "production"])
def test_deployments_keep_to_their_schema(deployment: dict[str, Any]) -> None:
    """As they are, and with the overlay's patches."""
    valid(deployment, VERSIONS[0])


def test_a_misspelt_field_is_found() -> None:
    """The schemas are strict: what they do not know is refused."""
    wrong = document("kubernetes/base/service.yaml")
    wrong["spec"]["portz"] = []
    with pytest.raises(Exception, match="'portz' was unexpected"):
        valid(wrong, VERSIONS[0])


@pytest.mark.parametrize("folder", [KUBERNETES / "base", PRODUCTION], ids=["base", "production"])
def test_no_file_is_forgotten(folder: Path) -> None:
    """A kustomization lists every file beside it, and none that is not there."""
    made = documents(folder / "kustomization.yaml")[0]
    listed = {*made["resources"], *(patch["path"] for patch in made.get("patches", ()))}
    beside = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert beside == {name for name in listed if name.endswith(".yaml")}
    assert all((folder / name).exists() for name in listed)


@pytest.mark.parametrize("name", PODS)
def test_the_service_knows_its_arguments(name: str) -> None:
    """A pod starts `bakeoff serve` with options that there are and settings that are given."""
    (container,) = PODS[name]["containers"]
    verb, champion, *rest = container["args"]
    assert verb == "serve" and not champion.startswith("-")
    assert {word.partition("=")[0] for word in rest} <= options()
    wanted = set(re.findall(r"\$\((\w+)\)", " ".join(container["args"])))
    assert wanted == (
        set() if name == "kserve" else set(settings("kubernetes/base/kustomization.yaml"))
    )


def test_an_overlay_changes_settings_that_there_are() -> None:
    """What it says of the service, the base says, too."""
    own = settings("kubernetes/overlays/production/kustomization.yaml")
    assert set(own) <= set(settings("kubernetes/base/kustomization.yaml"))


@pytest.mark.parametrize("name", PODS)
def test_there_is_time_to_end(name: str) -> None:
    """A pod is killed only after all that its end takes: preStop, grace, drain and the last 5 s."""
    given = settings("kubernetes/base/kustomization.yaml")
    (container,) = PODS[name]["containers"]
    (word,) = (one for one in container["args"] if one.startswith("--drain="))
    drain = word.partition("=")[2].replace("$(DRAIN)", given["DRAIN"])
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = sleep + Settings(champion=None).grace + parse_duration(drain, field="DRAIN") + 5
    # Kubernetes' own, where nothing is said.
    assert PODS[name].get("terminationGracePeriodSeconds", 30) >= needed


def test_a_journal_has_room() -> None:
    """A pod whose journal is a file is not evicted before the journal is cut."""
    (data,) = (one for one in PODS["base"]["volumes"] if one["name"] == "data")
    size = data["emptyDir"]["sizeLimit"]
    assert size.endswith("Gi")
    # Bytes a row as docs/decisions/journal.md measured them.
    assert int(size[:-2]) * 2**30 > 1.5 * 505 * (Keep().rows or 0)


@pytest.mark.parametrize("name", PODS)
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    """No root, nothing to write to but what is named, no capability, system calls filtered."""
    (container,) = PODS[name]["containers"]
    own = {**PODS[name].get("securityContext", {}), **container["securityContext"]}
    assert own["runAsNonRoot"] is True and own["runAsUser"] == 10001
    assert own["readOnlyRootFilesystem"] is True and own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", PODS)
def test_what_is_written_has_a_place(name: str) -> None:
    """The service's folder and /tmp are volumes of a bounded size, and every mount has a volume."""
    (container,) = PODS[name]["containers"]
    volumes = {one["name"]: one for one in PODS[name]["volumes"]}
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert {"/var/lib/bakeoff", "/tmp"} <= set(mounts)
    assert set(mounts.values()) == set(volumes)
    assert all(volumes[mounts[at]]["emptyDir"]["sizeLimit"] for at in ("/var/lib/bakeoff", "/tmp"))


@pytest.mark.parametrize("name", PODS)
def test_processors_are_whole_and_its_own(name: str) -> None:
    """What is measured at the start is what there is later."""
    (container,) = PODS[name]["containers"]
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["cpu"].isdigit()


@pytest.mark.parametrize("name", PODS)
def test_probes_ask_what_there_is(name: str) -> None:
    """At a port that is open, by a path that the service describes."""
    (container,) = PODS[name]["containers"]
    paths = described(Settings(champion=None), model="m", classes=("a", "b"))["paths"]
    ports = {port for one in container["ports"] for port in (one.get("name"), one["containerPort"])}
    probes = [container[key]["httpGet"] for key in container if key.endswith("Probe")]
    assert probes
    for probe in probes:
        assert probe["path"] in paths and probe["port"] in ports


def test_all_that_selects_finds_the_pods() -> None:
    """Service, budget, policies, monitor and autoscaler mean the same pods."""
    service = document("kubernetes/base/service.yaml")
    budget = document("kubernetes/base/disruption.yaml")
    scaling = document("kubernetes/base/scaling.yaml")
    monitor = document("kubernetes/overlays/production/monitoring.yaml", "ServiceMonitor")
    policies = [
        document("kubernetes/base/network.yaml"),
        document("kubernetes/overlays/production/network.yaml"),
    ]
    assert service["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]["matchLabels"] == LABELS
    assert budget["spec"]["selector"]["matchLabels"] == LABELS
    assert [one["spec"]["podSelector"]["matchLabels"] for one in policies] == [LABELS, LABELS]
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert scaling["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert "replicas" not in DEPLOYMENT["spec"]


def test_one_may_always_go() -> None:
    """Of as many replicas as there are at least, one may be taken away, and another is left."""
    least = document("kubernetes/base/scaling.yaml")["spec"]["minReplicas"]
    away = document("kubernetes/base/disruption.yaml")["spec"]["maxUnavailable"]
    assert 1 <= away < least


def test_a_pod_reaches_database_and_names() -> None:
    """In the overlay, and nothing else; in the base nothing."""
    base, outside = (
        document(f"kubernetes/{name}/network.yaml")["spec"]
        for name in ("base", "overlays/production")
    )
    assert "egress" not in base and set(base["policyTypes"]) == {"Ingress", "Egress"}
    assert [rule["ports"] for rule in outside["egress"]] == [
        [{"port": 5432}],
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    ]


def test_images_are_of_this_version() -> None:
    """What a cluster is told to run is what these files were written for."""
    (image,) = documents(PRODUCTION / "kustomization.yaml")[0]["images"]
    assert image["newTag"] == __version__
    assert RUNTIME["spec"]["containers"][0]["image"].endswith(f":{__version__}")


def test_ports_are_those_of_the_pod() -> None:
    """The service, its monitor and the policies go by the port's name."""
    (port,) = PODS["base"]["containers"][0]["ports"]
    (offered,) = document("kubernetes/base/service.yaml")["spec"]["ports"]
    monitor = document("kubernetes/overlays/production/monitoring.yaml", "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert port == {"name": "http", "containerPort": Settings(champion=None).port}
    assert (offered["targetPort"], endpoint["port"]) == (port["name"], offered["name"])
    for name in ("base", "overlays/production"):
        for rule in document(f"kubernetes/{name}/network.yaml")["spec"]["ingress"]:
            assert rule["ports"] == [{"port": port["name"]}]


def test_kserve_finds_its_runtime() -> None:
    """The format and the runtime that a service names are those that are declared."""
    model = document("kserve/inferenceservice.yaml", "InferenceService")["spec"]["predictor"][
        "model"
    ]
    known = {one["name"] for one in RUNTIME["spec"]["supportedModelFormats"]}
    assert model["runtime"] == RUNTIME["metadata"]["name"]
    assert model["modelFormat"]["name"] in known
    assert model["protocolVersion"] in RUNTIME["spec"]["protocolVersions"]


def test_no_secret_is_written_down() -> None:
    """Passwords and keys come from secrets, which are made elsewhere."""
    for path in DEPLOY.rglob("*.yaml"):
        assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", path.read_text(encoding="utf-8")), path
        assert all(one.get("kind") != "Secret" for one in documents(path) if isinstance(one, dict))
