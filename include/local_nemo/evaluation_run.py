"""Run one task of an evaluation: ask the model, measure the answers, collect the samples."""

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from include.local_nemo.evaluation_calls import Calls, EvaluationFailed, output_text
from include.local_nemo.evaluation_endpoint import Endpoint, EndpointProblem, endpoint_for
from include.local_nemo.evaluation_metrics import NOT_A_SCORE, regex_score, score_summary
from include.local_nemo.evaluation_plan import COMPLETION, MetricPlan, Plan, TaskPlan
from include.local_nemo.evaluation_rows import Row, RowsProblem
from include.local_nemo.evaluation_templates import TemplateProblem

REPORT_SECONDS = 0.25


class TaskRun:
    """One task over its rows, with `plan.parallelism` threads.

    `save(index, record)` receives each finished sample as results.json holds it: `{"item", "sample",
    "metrics", "requests"}`; a score that could not be read has the value null there.
    """

    def __init__(
        self,
        task: TaskPlan,
        plan: Plan,
        model: object,
        nim_url: str,
        client: httpx.Client,
        save: Callable[[int, Row], object],
        nim_token: str | None = None,
    ) -> None:
        self.task = task
        self.done = 0
        self.generations = Calls("the model")
        self.judgements = {
            metric.name: Calls(f"the judge of metric {metric.name}")
            for metric in task.metrics
            if metric.judge
        }
        self._parallelism = plan.parallelism
        self._client, self._save = client, save
        self._lock = threading.Lock()
        self._failure: EvaluationFailed | None = None
        self._scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

        def find(asked: object, call: str) -> Endpoint:
            return endpoint_for(
                asked,
                nim_url=nim_url,
                nim_token=nim_token,
                call=call,
                timeout=plan.timeout,
                max_retries=plan.max_retries,
            )

        self._endpoint = find(model, "completions" if task.kind == COMPLETION else "chat/completions")
        self._judges = {m.name: find(m.judge, "chat/completions") for m in task.metrics if m.judge}

    def restore(self, record: Row) -> None:
        """Count a sample that was finished before a restart."""
        reason = record["sample"].get("error")
        if reason is not None:
            self.generations.failure(reason)
        elif self.task.request is not None:
            self.generations.answered += 1
        for name, calls in self.judgements.items():
            if "error" in record["metrics"][name]:
                calls.failure(record["metrics"][name]["error"])
            elif reason is None:
                calls.answered += 1
        self._count(record)

    def _count(self, record: Row) -> None:
        with self._lock:
            self.done += 1
            for metric in self.task.metrics:
                scores = record["metrics"][metric.name]["scores"]
                for name in metric.score_names:
                    value = scores[name]["value"]
                    self._scores[metric.name][name].append(NOT_A_SCORE if value is None else value)

    def run(
        self, rows: Sequence[Row], todo: Sequence[int], cancelled: threading.Event, report: Callable[[], None]
    ) -> bool:
        """Make the samples of the rows in `todo`; return False if cancelled first.

        Calls `report` a few times a second from the calling thread. Raises EvaluationFailed: for rows or
        templates that cannot be read, or when an endpoint answers nothing. After that, or a cancel, requests
        that are still out are left to end by themselves; what they bring is dropped.
        """
        queue = iter(todo)
        idle = threading.Semaphore(0)
        threads = min(self._parallelism, len(todo))
        stop = threading.Event()
        for number in range(threads):
            threading.Thread(
                target=self._work, args=(rows, queue, stop, idle), name=f"sample worker {number}", daemon=True
            ).start()
        try:
            while threads and not cancelled.is_set() and self._failure is None:
                if idle.acquire(timeout=REPORT_SECONDS):
                    threads -= 1
                else:
                    report()
        finally:
            stop.set()
        if self._failure is not None:
            raise self._failure
        if cancelled.is_set():
            return False
        if self.done != len(rows):  # a worker died of a fault in this program, which has told its own story
            raise EvaluationFailed(f"only {self.done} of {len(rows)} samples could be made")
        for calls in (self.generations, *self.judgements.values()):
            calls.check(finished=True)
        return True

    def _work(
        self, rows: Sequence[Row], queue: Iterator[int], stop: threading.Event, idle: threading.Semaphore
    ) -> None:
        index = 0
        try:
            while not stop.is_set():
                with self._lock:
                    index = next(queue, -1)
                if index < 0:
                    break
                record = self._sample(rows[index], stop)
                if stop.is_set():
                    break
                self._save(index, record)
                self._count(record)
        except EvaluationFailed as error:
            self._failure = error
        except TemplateProblem as error:
            self._failure = EvaluationFailed(f"row {index + 1}: {error}")
        except RowsProblem as error:
            self._failure = EvaluationFailed(str(error))
        finally:
            idle.release()

    def _sample(self, item: Row, stop: threading.Event) -> Row:
        requests: list[Row] = []
        sample: Row = {}
        if self.task.request is not None:
            body = self.task.request({**item, "item": item})
            sample = self._generate(body, requests, stop)
        context = {**item, "item": item, "sample": sample}
        metrics = {m.name: self._measure(m, context, sample, requests, stop) for m in self.task.metrics}
        return {"item": item, "sample": sample, "metrics": metrics, "requests": requests}

    def _generate(self, body: Row, requests: list[Row], stop: threading.Event) -> Row:
        sent = {"model": self._endpoint.model_id, **body}
        answer, problem = self._ask(self._endpoint, self.generations, body, stop)
        requests.append({"request": sent, "response": answer})
        if answer is None:
            return {"output_text": "", "response": None, "error": problem}
        return {"output_text": output_text(answer), "response": answer}

    def _ask(
        self, endpoint: Endpoint, calls: Calls, body: Row, stop: threading.Event
    ) -> tuple[Row | None, str]:
        """Return the answer, or None and the reason; raise EvaluationFailed when asking on is pointless."""
        try:
            answer = endpoint.ask(self._client, body, stop)
        except EndpointProblem as problem:
            with self._lock:
                calls.failure(str(problem), hopeless=problem.hopeless)
                calls.check(finished=False)
            return None, str(problem)
        with self._lock:
            calls.answered += 1
        return answer, ""

    def _measure(
        self,
        metric: MetricPlan,
        context: Mapping[str, Any],
        sample: Row,
        requests: list[Row],
        stop: threading.Event,
    ) -> Row:
        if "error" in sample:
            # Without an answer a check has failed, but a judge has seen nothing that it could grade.
            unanswered = NOT_A_SCORE if metric.grade is None else 0.0
            return _metric_record(dict.fromkeys(metric.score_names, unanswered))
        if metric.grade is not None:
            return _metric_record(metric.grade(context))
        return self._judge(metric, context, requests, stop)

    def _judge(
        self, metric: MetricPlan, context: Mapping[str, Any], requests: list[Row], stop: threading.Event
    ) -> Row:
        assert metric.prompt is not None
        assert metric.rules is not None
        calls, endpoint = self.judgements[metric.name], self._judges[metric.name]
        body = metric.prompt(context)
        answer, problem = self._ask(endpoint, calls, body, stop)
        if answer is None:
            return {**_metric_record(dict.fromkeys(metric.score_names, NOT_A_SCORE)), "error": problem}
        requests.append({"request": {"model": endpoint.model_id, **body}, "response": answer})
        text = output_text(answer)
        return _metric_record(
            {name: regex_score(text, rule.pattern, rule.score_type) for name, rule in metric.rules.items()}
        )

    def results(self) -> Row:
        """Return the task's part of an EvaluationResult; a score that no sample has is left out."""
        metrics = {}
        for metric in self.task.metrics:
            summaries = {name: score_summary(self._scores[metric.name][name]) for name in metric.score_names}
            metrics[metric.name] = {
                "scores": {name: one for name, one in summaries.items() if one is not None}
            }
        return {"metrics": metrics}

    def remarks(self) -> list[str]:
        """Return what a reader of the scores must know: failed requests, answers that gave no score."""
        found = []
        for calls in (self.generations, *self.judgements.values()):
            if calls.failed:
                asked = calls.answered + calls.failed
                found.append(
                    f"{calls.who} did not answer {calls.failed} of {asked} requests: {calls.first_reason}"
                )
        for metric, scores in self._scores.items():
            for name, values in scores.items():
                missing = sum(map(math.isnan, values))
                if missing:
                    found.append(
                        f"{missing} of {len(values)} samples have no score {name} of metric {metric}"
                    )
        return found


def _metric_record(scores: Mapping[str, float]) -> Row:
    # JSON has no NaN: a score that could not be read is null here, and counted in the result's nan_count.
    return {
        "scores": {name: {"value": None if math.isnan(v) else v, "stats": None} for name, v in scores.items()}
    }
