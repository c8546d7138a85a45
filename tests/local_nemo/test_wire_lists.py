"""Lists: pages, order, filters and searches."""

import itertools
from typing import Any

import httpx
import pytest
from nemo_microservices import NeMoMicroservices

COUNT = 23


@pytest.fixture(scope="module", autouse=True)
def datasets(nemo: httpx.Client) -> list[str]:
    names = [f"set-{number:02}" for number in range(COUNT)]
    for name in names:
        body = {
            "name": name,
            "namespace": "odd" if int(name[-2:]) % 2 else "even",
            "files_url": f"hf://datasets/a/{name}",
        }
        nemo.post("/v1/datasets", json=body).raise_for_status()
    return names


def names_of(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [item["name"] for item in answer.json()["data"]]


def test_list_has_all_five_pagination_numbers(nemo: httpx.Client) -> None:
    answer = nemo.get("/v1/datasets").json()
    assert answer["object"] == "list"
    assert answer["sort"] == "-created_at"
    assert answer["pagination"] == {
        "page": 1,
        "page_size": 10,
        "current_page_size": 10,
        "total_pages": 3,
        "total_results": COUNT,
    }


def test_a_page_beyond_the_end_is_empty_and_not_an_error(nemo: httpx.Client) -> None:
    answer = nemo.get("/v1/datasets", params={"page": 4})
    assert answer.status_code == 200
    assert answer.json()["data"] == []
    assert answer.json()["pagination"]["current_page_size"] == 0


def test_the_official_client_walks_through_all_pages(sdk: NeMoMicroservices, datasets: list[str]) -> None:
    found = [dataset.name for dataset in itertools.islice(sdk.datasets.list(page_size=7), COUNT + 1)]
    assert sorted(str(name) for name in found) == datasets


def test_newest_come_first_unless_asked_otherwise(nemo: httpx.Client, datasets: list[str]) -> None:
    assert names_of(nemo.get("/v1/datasets", params={"page_size": 3})) == datasets[:-4:-1]
    assert names_of(nemo.get("/v1/datasets", params={"page_size": 3, "sort": "created_at"})) == datasets[:3]
    assert names_of(nemo.get("/v1/datasets", params={"page_size": 2, "sort": "-name"})) == datasets[:-3:-1]


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"page_size": "0"}, {"page_size": "-1"}])
def test_a_page_that_cannot_be_is_refused_with_the_parameter_named(
    nemo: httpx.Client, query: dict[str, str]
) -> None:
    answer = nemo.get("/v1/datasets", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", next(iter(query))]


def test_filters_take_nested_names_and_several_values(nemo: httpx.Client) -> None:
    assert (
        len(names_of(nemo.get("/v1/datasets", params={"filter[namespace]": "odd", "page_size": 99})))
        == COUNT // 2
    )
    assert names_of(nemo.get("/v1/datasets", params={"filter[name]": "set-03,set-05", "sort": "name"})) == [
        "set-03",
        "set-05",
    ]
    assert names_of(nemo.get("/v1/datasets", params={"filter[namespace]": "nowhere"})) == []
    assert names_of(nemo.get("/v1/datasets", params={"filter[no_such_field]": "x"})) == []


def test_searches_match_parts_and_several_texts_for_a_field_are_alternatives(nemo: httpx.Client) -> None:
    query: list[tuple[str, str | int | float | bool | None]] = [
        ("search[name]", "T-01"),
        ("search[name]", "set-02"),
        ("search[files_url]", "datasets"),
    ]
    assert sorted(names_of(nemo.get("/v1/datasets", params=query))) == ["set-01", "set-02"]
    assert (
        names_of(nemo.get("/v1/datasets", params=[("search[name]", "set-01"), ("search[namespace]", "even")]))
        == []
    )


def test_filters_take_bounds_of_time(nemo: httpx.Client) -> None:
    first = nemo.get("/v1/datasets", params={"sort": "created_at", "page_size": 1}).json()["data"][0][
        "created_at"
    ]
    assert len(names_of(nemo.get("/v1/datasets", params={"filter[created_at][lte]": first}))) == 1
    later = {"search[created_at][start]": "2999-01-01T00:00:00"}
    assert names_of(nemo.get("/v1/datasets", params=later)) == []


def test_the_official_clients_model_filters_find_adapters(sdk: NeMoMicroservices) -> None:
    base = "meta/llama-3.2-1b-instruct"
    sdk.models.create(name="plain", namespace="filters", base_model=base)
    sdk.models.create(name="tuned", namespace="filters", base_model=base, peft={"finetuning_type": "lora"})

    def found(**wanted: Any) -> list[str]:
        asked: Any = {"namespace": "filters", **wanted}
        return sorted(str(m.name) for m in sdk.models.list(filter=asked))

    assert found() == ["plain", "tuned"]
    assert found(base_model=base) == ["plain", "tuned"]
    assert found(base_model={"name": base}) == ["plain", "tuned"]
    assert found(peft=True) == ["tuned"]
    assert found(peft=False) == ["plain"]
    assert found(peft={"lora": True}) == ["tuned"]


def test_projects_are_found_by_name_and_namespace(nemo: httpx.Client) -> None:
    for name, namespace in (("p1", "a"), ("p2", "a"), ("p1", "b")):
        nemo.post("/v1/projects", json={"name": name, "namespace": namespace}).raise_for_status()

    def found(**query: str) -> list[tuple[str, str]]:
        data = nemo.get("/v1/projects", params=query).json()["data"]
        return sorted((one["namespace"], one["name"]) for one in data)

    assert found(**{"filter[name]": "p1"}) == [("a", "p1"), ("b", "p1")]
    assert found(**{"filter[namespace]": "a"}) == [("a", "p1"), ("a", "p2")]
    assert found(**{"filter[namespace]": "a", "filter[name]": "p2"}) == [("a", "p2")]
    assert found(**{"search[name]": "P2"}) == [("a", "p2")]


def test_namespaces_are_found_by_name_and_project(nemo: httpx.Client) -> None:
    for name, project in (("ns-1", "one"), ("ns-2", "two")):
        nemo.post("/v1/namespaces", json={"id": name, "project": project}).raise_for_status()

    def found(**query: str) -> list[str]:
        return [one["id"] for one in nemo.get("/v1/namespaces", params=query).json()["data"]]

    assert found(**{"filter[namespace]": "ns-1"}) == ["ns-1"]
    assert found(**{"filter[project]": "two"}) == ["ns-2"]
    assert found(**{"search[id]": "ns-"}) == ["ns-2", "ns-1"]


def test_models_are_found_by_prompt_project_and_time(nemo: httpx.Client) -> None:
    of = {"namespace": "told"}
    plain = nemo.post("/v1/models", json={"name": "plain", "project": "one", **of}).json()
    nemo.post("/v1/models", json={"name": "told", "prompt": {"system_prompt": "Hi"}, **of}).raise_for_status()

    def found(**query: str) -> list[str]:
        return names_of(nemo.get("/v1/models", params={"filter[namespace]": "told", **query}))

    assert found(**{"filter[prompt]": "true"}) == ["told"]
    assert found(**{"filter[prompt]": "false"}) == ["plain"]
    assert found(**{"filter[project]": "one"}) == ["plain"]
    assert found(**{"filter[created_at][lte]": plain["created_at"]}) == ["plain"]
    assert found(**{"filter[created_at][gt]": plain["created_at"]}) == ["told"]
    assert found(**{"search[prompt][system_prompt]": "hi"}) == ["told"]
