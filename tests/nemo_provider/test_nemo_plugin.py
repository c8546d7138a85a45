"""What Airflow sees of the provider: its links, and nothing executed twice."""

import re
from pathlib import Path
from typing import Any

from airflow._shared.module_loading.file_discovery import find_path_from_directory

import nemo_provider
from nemo_provider.links.nemo import NemoLink
from nemo_provider.operators import customizer, datasets, deployment, evaluator
from nemo_provider.sensors.base import NemoSensor
from nemo_provider_plugin import NemoProviderPlugin

PACKAGE = Path(nemo_provider.__file__).parent


def test_links_are_registered_and_on_every_operator() -> None:
    assert [type(link) for link in NemoProviderPlugin.operator_extra_links] == [NemoLink]
    linked: list[Any] = [
        customizer.NemoCustomizationConfigOperator,
        customizer.NemoCustomizationOperator,
        evaluator.NemoEvaluationOperator,
        evaluator.NemoEvaluationResultsOperator,
        deployment.NemoDeployModelOperator,
        deployment.NemoDeleteDeploymentOperator,
        datasets.NemoDatasetUploadOperator,
        NemoSensor,
    ]
    assert all(any(isinstance(link, NemoLink) for link in one.operator_extra_links) for one in linked)


def test_the_plugin_loader_leaves_the_package_alone() -> None:
    found = {Path(path).name for path in find_path_from_directory(PACKAGE.parent, ".airflowignore", "glob")}
    assert "nemo_provider_plugin.py" in found
    assert found.isdisjoint({path.name for path in PACKAGE.rglob("*.py")})


def test_the_provider_knows_nothing_of_flywheels() -> None:
    imported = re.compile(r"^\s*(from|import) (include|commands|flywheel_ui)\b", re.MULTILINE)
    assert [path for path in PACKAGE.rglob("*.py") if imported.search(path.read_text())] == []
