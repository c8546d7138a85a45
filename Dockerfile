# The official Airflow image plus the locked requirements. Everything is installed at build time; nothing is downloaded at start.
FROM apache/airflow:3.3.2-python3.12

COPY --chown=airflow:root requirements.lock /tmp/requirements.lock
# The base image brings uv; hashes make every build install the same files.
RUN uv pip install --no-cache --require-hashes -r /tmp/requirements.lock

COPY --chown=airflow:root dags /opt/airflow/dags
COPY --chown=airflow:root plugins /opt/airflow/plugins
COPY --chown=airflow:root include /opt/airflow/include
COPY --chown=airflow:root config/*.yaml /opt/airflow/flywheel/

# `include` is imported by DAGs and tasks from here. Where runs keep their files is said by `artifacts_uri` of the config; a folder
# there is relative to /opt/airflow.
ENV PYTHONPATH=/opt/airflow \
    FLYWHEEL_CONFIG=/opt/airflow/flywheel/config.yaml
# Named volumes take the owner of the folder they cover.
RUN mkdir -p /opt/airflow/artifacts /opt/airflow/secrets
