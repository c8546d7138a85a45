"""Import what the flywheel's tasks import, once for each scheduler.

Airflow loads the modules of the plugins folder in its long-lived processes, and each task starts as a fork of one: what is
imported here is there already. It takes a task's start from 1.6 to 0.2 seconds of CPU, and a run has some eighty of them.
"""

from importlib import import_module

for name in (
    "flywheel_tasks.candidate",
    "flywheel_tasks.data",
    "flywheel_tasks.doctor",
    "flywheel_tasks.embedding",
    "flywheel_tasks.outcome",
    "flywheel_tasks.preflight",
    "include.flywheel.curate",
    "include.flywheel.customization",
    "include.flywheel.datasets",
    "include.flywheel.deployment",
    "include.flywheel.evaluation",
    "include.flywheel.icl_files",
    "include.flywheel.export",
    "nemo_provider.operators.cleanup",
    "nemo_provider.operators.customizer",
    "nemo_provider.operators.datasets",
    "nemo_provider.operators.deployment",
    "nemo_provider.operators.evaluator",
    "nemo_provider.sensors.customizer",
    "nemo_provider.sensors.deployment",
    "nemo_provider.sensors.evaluator",
):
    import_module(name)
