"""GPUs go round in order; jobs stop when they are told to."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local_nemo.cluster import Cluster, NotEnoughResources
from include.local_nemo.jobs import Jobs
from include.local_nemo.store import Store
from include.local_nemo.testing import wait_until

SECONDS = 5


class Queue:
    """Owners that wait for GPUs in threads of their own, and the order in which they got them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.order: list[str] = []
        self.cancelled: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def join(self, owner: str, gpus: int) -> None:
        """Put the owner into the queue, and return when it waits there or holds its GPUs."""
        self.cancelled[owner] = threading.Event()

        def wait() -> None:
            if self.cluster.acquire(owner, gpus, self.cancelled[owner]):
                self.order.append(owner)

        thread = threading.Thread(target=wait, daemon=True)
        self._threads.append(thread)
        thread.start()
        wait_until(lambda: owner in self.order or owner in self.cluster.waiting())

    def end(self) -> None:
        for cancelled in self.cancelled.values():
            cancelled.set()
        for thread in self._threads:
            thread.join(SECONDS)


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue(Cluster(4))
    yield queue
    queue.end()


def test_a_large_request_is_not_overtaken_by_small_ones(queue: Queue) -> None:
    queue.join("first", 3)
    queue.join("large", 4)
    queue.join("small", 1)
    assert queue.order == ["first"]
    assert queue.cluster.in_use() == {"first": 3}
    queue.cluster.release("first")
    wait_until(lambda: queue.order == ["first", "large"])
    queue.cluster.release("large")
    wait_until(lambda: queue.order == ["first", "large", "small"])


def test_a_cancelled_owner_leaves_the_queue_and_holds_nothing(queue: Queue) -> None:
    queue.join("first", 4)
    queue.join("quitter", 4)
    queue.join("third", 1)
    queue.cancelled["quitter"].set()
    wait_until(lambda: queue.cluster.waiting() == ["third"])
    queue.cluster.release("first")
    wait_until(lambda: queue.order == ["first", "third"])
    assert queue.cluster.in_use() == {"third": 1}


def test_more_than_the_cluster_has_is_refused_at_once() -> None:
    with pytest.raises(NotEnoughResources, match="NotEnoughResources: 5 GPUs requested, the cluster has 4"):
        Cluster(4).acquire("a", 5, threading.Event())


def test_an_owner_that_holds_gpus_is_not_given_more() -> None:
    cluster = Cluster(4)
    assert cluster.acquire("a", 3, threading.Event())
    assert cluster.acquire("a", 3, threading.Event())
    assert cluster.in_use() == {"a": 3}
    cluster.release("a")
    cluster.release("a")
    assert cluster.in_use() == {}


def test_a_cancelled_job_sees_its_event() -> None:
    jobs, seen = Jobs(), threading.Event()

    def run(cancelled: threading.Event) -> None:
        if cancelled.wait(SECONDS):
            seen.set()

    jobs.start("a", run)
    jobs.start("a", lambda cancelled: seen.set())  # is live already
    assert jobs.is_live("a")
    assert not seen.is_set()
    assert jobs.cancel("a")
    assert seen.wait(SECONDS)
    wait_until(lambda: not jobs.is_live("a"))
    assert not jobs.cancel("a")


def test_a_stopping_platform_leaves_a_jobs_state_as_it_was(tmp_path: Path) -> None:
    jobs, store = Jobs(), Store(tmp_path / "s.sqlite")
    store.insert("job", "a", {"status": "running"})

    def run(cancelled: threading.Event) -> None:
        cancelled.wait(SECONDS)
        store.put("job", "a", {"status": "cancelled"})

    jobs.start("a", run)
    store.freeze()
    jobs.stop_all()
    assert not jobs.is_live("a")
    store.close()
    assert Store(tmp_path / "s.sqlite").get("job", "a") == {"status": "running"}
    jobs.start("b", run)
    assert not jobs.is_live("b")
