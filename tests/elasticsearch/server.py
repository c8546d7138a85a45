"""An Elasticsearch server for tests: Elastic's own distribution, run on loopback by an unprivileged user."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from base64 import b64encode
from pathlib import Path

from commands.ports import HOST, free_port

#: The version of the pinned client; the artifact is what Elastic's plugin authors test with, and has the security module.
VERSION = "8.19.3"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
#: Elasticsearch refuses to run as root.
NOBODY = 65534
#: On two busy cores the start takes up to two minutes.
START_SECONDS = 300.0
SETTINGS = """\
cluster.name: flywheel-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport_port}
path.data: {folder}/data
path.logs: {folder}/logs
cluster.routing.allocation.disk.threshold_enabled: false
# A look at the disk lifts the block of an index, which a test sets.
cluster.info.update.interval: 30m
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: false
"""
#: Users beside the one that may do everything, each with its privileges for the indices of tests.
USERS = {"reader": ["read"], "searcher": ["manage", "write", "read"]}
PASSWORD = "password-of-tests"


class ServerError(Exception):
    """The server could not be started; the message says why."""


class LocalServer:
    """One node in a temporary folder, with a port that stays the same when it is started again."""

    user = "tests"

    def __init__(self, distribution: Path):
        self.folder = Path(tempfile.mkdtemp(prefix="flywheel-elasticsearch-"))
        with zipfile.ZipFile(distribution) as packed:
            for entry in packed.infolist():
                target = Path(packed.extract(entry, self.folder))
                mode = entry.external_attr >> 16 & 0o777
                if mode:
                    target.chmod(mode)
        self.home = next(self.folder.glob("elasticsearch-*"))
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        settings = SETTINGS.format(port=port, transport_port=free_port(), folder=self.folder)
        (self.home / "config" / "elasticsearch.yml").write_text(settings)
        self._write_users()
        for folder in ("data", "tmp"):
            (self.folder / folder).mkdir()
        if os.getuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the node and wait until it answers. Raises ServerError with the end of its log."""
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.home / "bin" / "elasticsearch"], stdout=log, stderr=log, **self._as_nobody()
            )
        self._wait()

    def kill(self) -> None:
        """End the node as a crash does, all of its processes at once."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=60)
            self._process = None

    def remove(self) -> None:
        """Stop the node and remove all that it left."""
        self.kill()
        shutil.rmtree(self.folder)

    def _write_users(self) -> None:
        """Keep users in files: the artifact lacks what an index of them is made with."""
        salt, cost = b"s" * 32, 10000
        key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, cost, 32)
        hashed = f"{{PBKDF2}}{cost}${b64encode(salt).decode()}${b64encode(key).decode()}"
        roles = {
            name: {"indices": [{"names": ["flywheel-test-*"], "privileges": privileges}]}
            for name, privileges in USERS.items()
        }
        # A line of JSON each is YAML, too.
        lines = (f"{name}: {json.dumps(role)}\n" for name, role in roles.items())
        (self.home / "config" / "roles.yml").write_text("".join(lines))
        (self.home / "config" / "users").write_text(
            "".join(f"{name}:{hashed}\n" for name in (self.user, *USERS))
        )
        members = {"superuser": self.user, **{name: name for name in USERS}}
        (self.home / "config" / "users_roles").write_text(
            "".join(f"{role}:{name}\n" for role, name in members.items())
        )

    def _as_nobody(self) -> dict:
        java = os.environ.get("JAVA_HOME") or Path(shutil.which("java") or "java").resolve().parent.parent
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "ES_JAVA_HOME": str(java),
            "ES_TMPDIR": str(self.folder / "tmp"),
            "ES_JAVA_OPTS": "-Xms768m -Xmx768m",
        }
        other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        return {"env": environment, "cwd": self.folder, "start_new_session": True, **other}

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.url, self.user):
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                output = (self.folder / "output.log").read_text(errors="replace")
                raise ServerError(f"Elasticsearch did not start:\n{output[-3000:]}")
            time.sleep(0.5)


class ContainerServer:
    """The official image in a container of docker or podman."""

    user = "elastic"

    def __init__(self, engine: str):
        self._engine = engine
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        settings = {
            "discovery.type": "single-node",
            "ES_JAVA_OPTS": "-Xms768m -Xmx768m",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "cluster.info.update.interval": "30m",
            "xpack.security.enabled": "true",
            "xpack.security.http.ssl.enabled": "false",
            "ELASTIC_PASSWORD": PASSWORD,
        }
        variables = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
        place = ["--publish", f"{HOST}:{port}:9200"]
        self._container = self._do("create", *place, *variables, f"elasticsearch:{VERSION}")

    def start(self) -> None:
        """Start the container and wait until the server answers. Raises ServerError with the end of its log."""
        self._do("start", self._container)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.url, self.user):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"Elasticsearch did not start:\n{self._do('logs', '--tail', '30', self._container)}"
                )
            time.sleep(0.5)

    def kill(self) -> None:
        """End the server as a crash does."""
        self._do("kill", self._container)

    def remove(self) -> None:
        """Remove the container and all that it left."""
        self._do("rm", "--force", "--volumes", self._container)

    def _do(self, *command: str) -> str:
        done = subprocess.run([self._engine, *command], capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"{self._engine} {command[0]} failed: {done.stderr[-1000:]}")
        return done.stdout.strip()


def answers(url: str, user: str) -> bool:
    """Say whether a server answers and has all that it keeps."""
    health = urllib.request.Request(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s")
    health.add_header("Authorization", f"Basic {b64encode(f'{user}:{PASSWORD}'.encode()).decode()}")
    try:
        with urllib.request.urlopen(health, timeout=10):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def running_engine() -> str | None:
    """Return docker or podman, whichever is there and runs."""
    for engine in ("docker", "podman"):
        if shutil.which(engine) and not subprocess.run([engine, "info"], capture_output=True).returncode:
            return engine
    return None


def own_server() -> LocalServer | ContainerServer:
    """Make a server that is not started yet. Raises ServerError when nothing here can run one."""
    engine = running_engine()
    if engine:
        return ContainerServer(engine)
    if not (shutil.which("java") and shutil.which("mvn")):
        raise ServerError(
            "Nothing here can run Elasticsearch: start docker or podman, or install Java 17 and Maven, or name a server with "
            "ELASTICSEARCH_URL."
        )
    with tempfile.TemporaryDirectory() as folder:
        return LocalServer(fetch_distribution(Path(folder)))


def fetch_distribution(folder: Path) -> Path:
    """Fetch the distribution with Maven, from where this machine's settings say. Raises ServerError."""
    done = subprocess.run(
        [
            "mvn",
            "--batch-mode",
            "--quiet",
            "dependency:copy",
            f"-Dartifact={ARTIFACT}",
            f"-DoutputDirectory={folder}",
        ],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    found = list(folder.glob("*.zip"))
    if done.returncode or not found:
        raise ServerError(f"Maven could not fetch {ARTIFACT}: {(done.stdout + done.stderr)[-1000:]}")
    return found[0]
