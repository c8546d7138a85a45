"""What runs have on the platform, asked of it through the provider's hook: with the connection that Airflow's components have."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from commands.job_watch import percentage_of
from commands.places import ROOT
from include.flywheel.config_sections import NmpConfig

#: Seconds to connect and seconds without a byte: who asks here asks again, so a platform that hangs need not be waited for.
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0


class RemoteWork:
    """The jobs and deployments of runs, found by the mark that the run which made them left on them."""

    def __init__(self, environment: Mapping[str, str], nmp: NmpConfig) -> None:
        """Prepare to ask; nothing is imported or asked yet.

        environment: of Airflow's components. nmp: where the platform is if no Airflow connection says it.
        """
        self._environment = environment
        self._nmp = nmp
        self._hook: Any = None
        # Asked for beside the terminal and, when the run has to be ended, from the main thread.
        self._making = threading.Lock()
        #: Why the platform could not be asked the last time.
        self.problem = ""

    def percentage(self, kind: str, job_id: str) -> float | None:
        """Return how far a job is, None if the platform does not say."""
        hook = self.hook()
        from nemo_provider.errors import NemoError

        try:
            return percentage_of(hook.get_job(kind, job_id))
        except NemoError:
            # Progress is a courtesy: a lost poll shows nothing new, the run itself goes on.
            return None

    def release_of_run(self, dag_id: str, run_id: str) -> bool:
        """Cancel the jobs and delete the deployments that a run has left; return whether it is certain that there were none."""
        hook = self.hook()
        from nemo_provider.cleanup import left_of_run, release
        from nemo_provider.errors import NemoError

        try:
            left = left_of_run(hook, self._nmp.nmp_namespace, dag_id=dag_id, run_id=run_id)
            release(hook, left)
        except NemoError as error:
            # Asked again until the caller's patience ends, who then says that not everything was released, and this.
            self.problem = str(error)
            return False
        self.problem = ""
        return bool(left.nothing)

    def hook(self) -> Any:
        """Return the provider's hook, made when it is needed: Airflow takes seconds to import, and reads its environment then."""
        with self._making:
            if self._hook is None:
                os.environ.update(self._environment)
                if str(ROOT / "plugins") not in sys.path:
                    sys.path.append(str(ROOT / "plugins"))
                from nemo_provider.hooks.nemo import NemoHook

                hook = NemoHook(base_url=self._nmp.nemo_base_url)
                connect, read = hook.wire.timeout
                timeout = (min(connect, CONNECT_SECONDS), min(read, READ_SECONDS))
                hook.wire = replace(hook.wire, timeout=timeout, retries=1)
                self._hook = hook
            return self._hook
