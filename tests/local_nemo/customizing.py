"""What the tests of customizations share: a dataset, a config, and jobs of them."""

from job_driving import eventually, write_rows

TARGET = "local/student-s@1.0"
OPTION = {"training_type": "sft", "finetuning_type": "lora", "num_gpus": 1, "micro_batch_size": 1}
HYPERPARAMETERS = {
    "training_type": "sft",
    "finetuning_type": "lora",
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.0001,
    "log_every_n_steps": 2,
    "seed": 1,
    "lora": {"adapter_dim": 32, "adapter_dropout": 0.1},
}
"""Two epochs of four steps."""
QUICK = {**HYPERPARAMETERS, "epochs": 1, "batch_size": 16}


def conversation(number):
    """One conversation about an order or a user; what is said tells which tool is right."""
    about, tool = (("order", "get_order"), ("user", "get_user"))[number % 2]
    call = {
        "type": "function",
        "function": {"name": tool, "arguments": {"id": f"{about[0].upper()}{number}"}},
    }
    return {
        "messages": [
            {"role": "user", "content": f"Please look up the {about} {about[0].upper()}{number}"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
                },
            }
            for name in ("get_order", "get_user")
        ],
    }


ROWS = [conversation(number) for number in range(40)]


def prepare(platform, client, *, option=OPTION, target=TARGET):
    """Make a dataset with validation rows and a config."""
    write_rows(platform, "team/data", {"training/a.jsonl": ROWS[:32], "validation/a.jsonl": ROWS[32:]})
    client.post(
        "/v1/customization/configs",
        json={
            "name": "student@v1.0.0+dfw",
            "namespace": "team",
            "target": target,
            "max_seq_length": 4096,
            "training_options": [option],
        },
    )


def job_body(**more):
    return {
        "config": "team/student@v1.0.0+dfw",
        "dataset": {"name": "data", "namespace": "team"},
        "hyperparameters": QUICK,
        "output_model": "team/customized",
        **more,
    }


def create(client, **more):
    answer = client.post("/v1/customization/jobs", json=job_body(**more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def status_of(client, job):
    return client.get(f"/v1/customization/jobs/{job['id']}/status").json()


def until_running(client, job):
    return eventually(lambda: status_of(client, job), lambda status: status["status"] == "running")


def messages(status):
    return [entry["message"] for entry in status["status_logs"]]


def changed(path, value):
    body = job_body()
    holder = body
    for key in path[:-1]:
        holder[key] = dict(holder[key])
        holder = holder[key]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return body
