import pickle
from pathlib import Path
from typing import Any

import pytest

from include.flywheel.config import load_config, parse_config
from include.flywheel.errors import ConfigError
from include.flywheel.logs.place import IndexPlace

CONFIGS = Path(__file__).parent / "configs"
PROJECT = Path(__file__).parents[2]

ONE_NIM = {"model_name": "a/b", "context_length": 8192}


def problems(data: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(data, source="flywheel.yaml")
    return caught.value.problems


def test_a_first_blueprint_file_loads_unchanged() -> None:
    config = load_config(CONFIGS / "first_blueprint.yaml")
    judge = config.llm_judge_config
    assert judge is not None
    assert (judge.model_name, judge.is_local, judge.api_key_variables) == (
        "meta/judge-70b",
        False,
        ("JUDGE_KEY",),
    )
    small, large = config.candidates
    assert small.customizer.target == "meta/llama-1b@2.0"
    assert (small.training_gpus, large.serving_gpus, large.training_gpus) == (1, 1, 0)
    assert config.logging_config.level == "INFO"


def test_a_later_blueprint_file_loads_unchanged() -> None:
    config = load_config(CONFIGS / "second_blueprint.yaml")
    assert config.data_split_config.limit is None
    assert [nim.name for nim in config.candidates] == ["meta/llama-1b"]
    assert config.candidates[0].training_gpus == 4
    assert config.training_for(config.candidates[0]).adapter_alpha == 16
    assert config.nmp_config.nemo_base_url == "http://nemo.test"


def test_semantic_selection_is_followed_where_examples_are_shown() -> None:
    config = load_config(CONFIGS / "second_blueprint.yaml")
    assert config.embedding is not None
    assert (config.embedding.model_name, config.embedding.is_local) == ("nvidia/embed", True)
    assert config.notes() == []
    assert load_config(CONFIGS / "first_blueprint.yaml").embedding is None
    data = config.model_dump(exclude_unset=True)
    data["evaluation_config"]["icl"] = False
    assert parse_config(data, source="x").embedding is None


@pytest.mark.parametrize(
    ("embedding", "variables"),
    [
        ({"deployment_type": "local"}, ()),
        ({"url": "http://e.test/v1/embeddings"}, ("EMB_API_KEY", "NVIDIA_API_KEY")),
        ({"url": "http://e.test/v1/embeddings", "api_key_env": "MY_KEY"}, ("MY_KEY",)),
        ({"url": "http://e.test/v1/embeddings", "api_key_env": ""}, ()),
    ],
)
def test_the_key_of_an_embedding_service_is_looked_for_where_the_blueprint_does(
    embedding: dict[str, Any], variables: tuple[str, ...]
) -> None:
    similarity = {"embedding_nim_config": {"model_name": "e", **embedding}}
    icl = {"example_selection": "semantic_similarity", "similarity_config": similarity}
    config = parse_config({"nims": [ONE_NIM], "icl_config": icl}, source="x")
    assert config.embedding is not None
    assert config.embedding.api_key_variables == variables


def test_a_local_embedding_model_needs_its_gpus_alone() -> None:
    def icl(gpus: int) -> dict[str, Any]:
        embedding = {"model_name": "e", "deployment_type": "local", "gpus": gpus}
        similarity = {"embedding_nim_config": embedding}
        return {"example_selection": "semantic_similarity", "similarity_config": similarity}

    rest = {
        "nims": [{**ONE_NIM, "gpus": 2}],
        "gpu_budget": 3,
        "llm_judge_config": {"model_name": "j", "gpus": 1, "deployment_type": "local"},
    }
    assert parse_config({**rest, "icl_config": icl(3)}, source="x").embedding
    [problem] = problems({**rest, "icl_config": icl(4)})
    assert problem.startswith(
        "icl_config.similarity_config.embedding_nim_config.gpus: serving e needs 4 GPUs"
    )


def searched_by(place: str | None, **icl: Any) -> dict[str, Any]:
    embedding = {"model_name": "e", "deployment_type": "local"}
    similarity = {"embedding_nim_config": embedding, "elasticsearch": place}
    icl = {"example_selection": "semantic_similarity", "similarity_config": similarity, **icl}
    return {"nims": [ONE_NIM], "icl_config": icl}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("elasticsearch:///examples", IndexPlace("", "examples")),
        ("elasticsearch://my_server/a.b-c_1", IndexPlace("my_server", "a.b-c_1")),
        (None, None),
    ],
)
def test_examples_are_searched_in_process_unless_a_server_is_named(
    place: str | None, expected: IndexPlace | None
) -> None:
    assert parse_config(searched_by(place), source="x").search_place == expected


@pytest.mark.parametrize(
    "place",
    [
        "examples",
        "elasticsearch://connection",
        "elasticsearch://connection/",
        "elasticsearch:///Examples",
        "elasticsearch:///-examples",
        "elasticsearch:///examples*",
        "elasticsearch:///a,b",
        "elasticsearch://a:b@host/examples",
        f"elasticsearch:///{'x' * 201}",
        "",
    ],
)
def test_what_is_no_beginning_of_names_of_indices_is_refused_with_what_to_write(place: str) -> None:
    [problem] = problems(searched_by(place))
    assert problem.startswith("icl_config.similarity_config.elasticsearch: ")
    assert "must be elasticsearch://<Airflow connection>/<prefix>" in problem


@pytest.mark.parametrize("name", ["config.yaml", "local.yaml"])
def test_the_files_of_this_project_load(name: str) -> None:
    assert load_config(PROJECT / "config" / name).candidates


def test_a_judge_without_the_word_local_or_a_url_is_local() -> None:
    config = parse_config({"nims": [ONE_NIM], "llm_judge_config": {"model_name": "j", "gpus": 1}}, source="x")
    assert config.llm_judge_config is not None
    assert config.llm_judge_config.is_local


def test_all_problems_are_reported_at_once_with_key_and_remedy() -> None:
    found = problems(
        {
            "nmp_confg": {},
            "gpu_budget": 2,
            "nims": [{**ONE_NIM, "gpus": 4, "tagg": "1"}, ONE_NIM],
            "data_split_config": {"eval_size": 100, "limit": 50, "val_ratio": 1.5},
        }
    )
    text = "\n".join(found)
    assert "nmp_confg: unknown key. Did you mean nmp_config?" in text
    assert "nims[0].tagg: unknown key. Did you mean tag?" in text
    assert "data_split_config.val_ratio: 1.5" in text
    assert "nims: a/b is listed 2 times" in text
    assert "nims[0].gpus: serving a/b needs 4 GPUs, more than gpu_budget (2)" in text
    assert "data_split_config.eval_size: 100 of at most 50" in text
    assert len(found) == 6


def test_a_secret_in_the_file_is_refused_and_not_repeated() -> None:
    judge = {"model_name": "j", "url": "https://j.test/v1", "api_key": "nvapi-very-secret"}
    with pytest.raises(ConfigError, match="api_key_env") as caught:
        parse_config({"nims": [ONE_NIM], "llm_judge_config": judge}, source="x")
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"nims": []}, "nims: is empty"),
        ({"nims": [{"context_length": 8}]}, "nims[0].model_name: is missing"),
        ({"nims": [{**ONE_NIM, "model_type": "embedding"}]}, "no candidate"),
        ({"nims": [ONE_NIM, {**ONE_NIM, "model_name": "a-b"}]}, "would both be named a-b"),
        ({"icl_config": {"reserved_tokens": 8192}}, "no room for 1 example(s)"),
        ({"icl_config": {"min_examples": 4}}, "more than max_examples"),
        ({"icl_config": {"max_examples": 21}}, "more than data_split_config.eval_size"),
        ({"icl_config": {"example_selection": "semantic_similarity"}}, "embedding_nim_config: is missing"),
        (
            {"icl_config": {"similarity_config": {"elasticsearch": "elasticsearch:///examples"}}},
            "icl_config.similarity_config.elasticsearch: is set, but icl_config.example_selection is uniform_distribution",
        ),
        ({"llm_judge_config": {"type": "remote", "model_id": "j"}}, "url: is missing"),
        ({"llm_judge_config": {"type": "local"}}, "model_name: is missing"),
        ({"evaluation_config": {"workload_type": "generic"}}, "llm_judge_config: is missing"),
        ({"nmp_config": {"nemo_base_url": "nemo.test"}}, "must be an http:// or https:// URL"),
        ({"workloads": [{"workload_id": "w", "client_id": "c", "schedule": "nightly"}]}, "is no schedule"),
        ({"workloads": [{"workload_id": "w", "client_id": "c"}] * 2}, "listed 2 times"),
        (
            {"gpu_budget": 1, "llm_judge_config": {"type": "local", "model_id": "j"}},
            "beside the 1 of the local",
        ),
        ({"training_config": {"epochs": 0}}, "training_config.epochs: 0 should be greater"),
        ({"mlflow_config": None}, "mlflow_config: is empty. Remove the line, or write a section"),
        ({"workloads": None}, "workloads: is empty. Remove the line, or write a list"),
        ({"nims": 5}, "nims: 5 is no list"),
        ({7: {}}, "7 is no name of a setting"),
        (
            {"llm_judge_config": {"model_name": "j", "model_id": "k"}},
            "model_id: is given in another spelling",
        ),
        (
            {"training_config": {"learning_rate": float("inf")}},
            "learning_rate: inf should be a finite number",
        ),
        ({"nims": [{**ONE_NIM, "gpus": True}]}, "nims[0].gpus: True must be a number"),
        ({"nmp_config": {"nmp_namespace": "a b"}}, "'a b' is no name that the platform takes"),
        ({"nims": [{**ONE_NIM, "model_name": "judge"}]}, "judge is the name of a task"),
        (
            {"nims": [{**ONE_NIM, "evaluation": {"base": False, "icl": False}}]},
            "nothing of it would be evaluated",
        ),
        ({"icl_config": {"reserved_tokens": 8100}}, "no room for 1 example(s)"),
        (
            {"icl_config": {"min_examples": 60, "max_examples": 60}, "data_split_config": {"eval_size": 99}},
            "for 60 ex",
        ),
        ({"workloads": [{"workload_id": "w", "client_id": "c", "schedule": "@once"}]}, "is no schedule"),
        ({"workloads": [{"workload_id": "w", "client_id": "c", "schedule": "61 * * * *"}]}, "is no schedule"),
        ({"workloads": [{"workload_id": "w" * 201, "client_id": "c"}]}, "at most 200 characters"),
        ({"recommendation": {"tool_calling_correctness": 0.9}}, "is given by a judge, and there is none"),
        (
            {
                "evaluation_config": {"tool_eval_type": "tool-calling-judge"},
                "llm_judge_config": {"type": "local", "model_name": "j"},
                "recommendation": {"function_name": 0.9},
            },
            "recommendation.function_name: is not given by",
        ),
        ([], "must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_key(section: Any, expected: str) -> None:
    data = {"nims": [ONE_NIM], **section} if isinstance(section, dict) else section
    assert expected in "\n".join(problems(data))


def test_training_that_needs_more_gpus_than_the_budget_is_refused() -> None:
    customizer = {"target": "a/b@1", "gpus": 2, "num_nodes": 2}
    nim = {**ONE_NIM, "customization_enabled": True, "customizer_configs": customizer}
    found = problems({"nims": [nim], "gpu_budget": 3})[0]
    assert "training a/b needs 4 GPUs (2 on each of 2 nodes)" in found
    assert "lower gpus or num_nodes" in found


def test_a_training_that_would_wait_for_the_judge_that_waits_for_it_is_refused() -> None:
    nim = {**ONE_NIM, "customization_enabled": True, "customizer_configs": {"target": "a/b@1", "gpus": 4}}
    shared = {"gpu_budget": 4, "llm_judge_config": {"type": "local", "model_name": "j"}}
    other = {**ONE_NIM, "model_name": "c/d"}
    assert "they would wait for each other" in problems({"nims": [other, nim], **shared})[0]
    # Alone it has trained before the judge is deployed.
    assert parse_config({"nims": [nim], **shared}, source="x").gpu_budget == 4


def test_an_embedding_model_is_not_counted_against_the_budget() -> None:
    embedding = {**ONE_NIM, "model_name": "e/e", "model_type": "embedding", "gpus": 99}
    assert parse_config({"nims": [ONE_NIM, embedding], "gpu_budget": 1}, source="x").gpu_budget == 1


def test_keys_of_the_blueprint_that_mean_nothing_for_a_judge_are_taken() -> None:
    judge = {
        "model_name": "j",
        "deployment_type": "local",
        "customization_enabled": False,
        "customizer_configs": {"target": "j@1", "gpus": 1},
        "registry_base": None,
    }
    config = parse_config({"nims": [ONE_NIM], "llm_judge_config": judge}, source="x")
    assert config.llm_judge_config is not None
    assert config.llm_judge_config.registry_base == "nvcr.io/nim"


def test_a_key_in_the_place_of_its_variable_is_refused_and_not_repeated() -> None:
    judge = {"model_name": "j", "url": "https://j.test/v1", "api_key_env": "nvapi-very-secret"}
    with pytest.raises(ConfigError, match="name of an environment variable") as caught:
        parse_config({"nims": [ONE_NIM], "llm_judge_config": judge}, source="x")
    assert "very-secret" not in str(caught.value)


def test_a_candidate_overrides_the_common_settings() -> None:
    nim = {**ONE_NIM, "training": {"epochs": 5}, "evaluation": {"icl": False, "limit": 7}}
    config = parse_config(
        {"nims": [nim], "training_config": {"batch_size": 8}, "evaluation_config": {"parallelism": 9}},
        source="x",
    )
    candidate = config.candidate("a/b")
    training, evaluation = config.training_for(candidate), config.evaluation_for(candidate)
    assert (training.epochs, training.batch_size) == (5, 8)
    assert (evaluation.icl, evaluation.limit, evaluation.parallelism) == (False, 7, 9)
    assert config.evaluations_of(candidate) == ["base-eval"]
    assert config.icl_contexts() == []


def test_a_run_may_override_the_split_and_is_checked_again() -> None:
    config = parse_config({"nims": [ONE_NIM]}, source="x")
    assert config.with_split({"eval_size": 5, "limit": None}).data_split_config.limit is None
    assert config.data_split_config.eval_size == 20
    with pytest.raises(ConfigError, match="eval_sise"):
        config.with_split({"eval_sise": 5})
    with pytest.raises(ConfigError, match="leaves none to train on"):
        config.with_split({"limit": 5})


def test_a_workload_reads_its_own_logs_or_the_common_ones() -> None:
    workloads = [
        {"workload_id": "w", "client_id": "c", "logs": "/own"},
        {"workload_id": "v", "client_id": "c"},
    ]
    config = parse_config({"nims": [ONE_NIM], "logs": "/common", "workloads": workloads}, source="x")
    assert [config.logs_for(w) for w in ("w", "v", "other")] == ["/own", "/common", "/common"]
    assert config.workload("w", "someone else") is None


def test_an_unknown_candidate_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Choose among: a/b"):
        parse_config({"nims": [ONE_NIM]}, source="x").candidate("nope")


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("nims: [\n")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(tmp_path / "broken.yaml")


def test_a_section_that_is_given_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(
        "nims: [{model_name: a/b, context_length: 8192}]\ngpu_budget: 1\nlogs: x\ngpu_budget: 2\n"
    )
    with pytest.raises(ConfigError, match="line 4: gpu_budget is given twice"):
        load_config(tmp_path / "twice.yaml")


def test_one_mistake_is_reported_once() -> None:
    assert len(problems({"nims": [{**ONE_NIM, "model_name": "a b"}]})) == 1


def test_a_config_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ConfigError("f", ["a", "b"])))
    assert (error.problems, str(error)) == (["a", "b"], str(ConfigError("f", ["a", "b"])))


def test_settings_that_are_read_and_not_followed_are_noted() -> None:
    nims = [{"model_name": "a/b", "context_length": 8192}]
    assert parse_config({"nims": nims}, source="x").notes() == []
    noted = parse_config({"nims": nims, "mlflow_config": {"enabled": True}}, source="x").notes()
    assert [note.partition(":")[0] for note in noted] == ["mlflow_config"]


def test_two_workloads_that_would_share_a_dag_are_refused() -> None:
    workloads = [{"workload_id": name, "client_id": "c"} for name in ("support.desk", "support desk")]
    data = {"nims": [{"model_name": "a/b", "context_length": 8192}], "workloads": workloads}
    with pytest.raises(ConfigError, match="flywheel_support_desk"):
        parse_config(data, source="x")


def test_a_window_is_compared_with_one_earlier_window_at_least() -> None:
    config = parse_config({"nims": [ONE_NIM], "drift": {"windows": 3}}, source="x")
    assert (config.drift.windows, parse_config({"nims": [ONE_NIM]}, source="x").drift.windows) == (3, 8)
    assert "drift.windows" in problems({"nims": [ONE_NIM], "drift": {"windows": 0}})[0]
