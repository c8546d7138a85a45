"""Make the project's own sample workload: the logs of a made-up telephone company's support desk.

Every name, number and invoice in it is invented. Nothing here imports the rest of the project, so the sample
is to the flywheel what a stranger's logs would be. `write_sample_logs` is the door; `python -m
include.sample_logs --out FILE` the same from a shell.
"""

from include.sample_logs.writer import CLIENT_ID, SampleSummary, write_sample_logs

__all__ = ["CLIENT_ID", "SampleSummary", "write_sample_logs"]
