"""Register the provider's links with Airflow; everything else is imported by name."""

from airflow.plugins_manager import AirflowPlugin

from nemo_provider.links.nemo import NemoLink


class NemoProviderPlugin(AirflowPlugin):
    """Make the links known, so that Airflow can read them back from serialized DAGs."""

    name = "nemo_provider"
    operator_extra_links = [NemoLink()]  # noqa: RUF012  # as Airflow declares it
