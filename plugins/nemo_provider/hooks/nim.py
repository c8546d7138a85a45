"""NIM proxy: the models that are being served."""

from __future__ import annotations

from nemo_provider.hooks import endpoints as api
from nemo_provider.hooks.answers import document_of
from nemo_provider.hooks.base import NemoHttpHook
from nemo_provider.reading import mappings, text


class NimHook(NemoHttpHook):
    """Call the NIM proxy.

    :param nim_conn_id: Airflow connection of type HTTP, see `NemoHttpHook`.
    :param base_url: address if that connection does not exist.
    """

    conn_name_attr = "nim_conn_id"
    default_conn_name = "nim_default"
    hook_name = "NeMo NIM proxy"

    def __init__(self, nim_conn_id: str = default_conn_name, base_url: str | None = None) -> None:
        super().__init__(nim_conn_id, base_url)

    def list_models(self) -> list[str]:
        """Return the ids of the models and adapters that can be called now."""
        listing = document_of(self.call(api.LIST_NIM_MODELS), str(api.LIST_NIM_MODELS))
        return [name for model in mappings(listing.get("data")) if (name := text(model.get("id")))]
