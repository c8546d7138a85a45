"""Airflow building blocks for NVIDIA NeMo Microservices (v1 API, releases 25.4 to 25.12).

    hooks      one call each: connection -> session, endpoint table, typed errors
    operators  submit one remote thing and return its id; a retry finds what an earlier try submitted
    cleanup    release what a DAG run has left, from a task or from outside
    sensors    wait for that id, deferrable
    triggers   the waiting itself, one trigger for every kind
    links      from the task to the remote thing

Airflow connections of type HTTP: ``nemo_default``, ``nim_default``, ``nemo_datastore_default``.
"""
