"""Which registry a server publishes to."""

from tunesmith.server.kit.settings import Settings
from tunesmith.server.publishing.embedded import EmbeddedRegistry
from tunesmith.server.publishing.registry import Registry
from tunesmith.storage.files import Files


def open_registry(settings: Settings, workspace: Files) -> Registry:
    """The registry of the settings, for the models of a workspace."""
    if settings.registry == "embedded" or not settings.registry_namespace or not settings.registry_token:
        return EmbeddedRegistry(workspace)
    # huggingface_hub takes a third of a second to import; few need it.
    from tunesmith.server.publishing.hub import HubRegistry

    return HubRegistry(
        settings.registry_url,
        settings.registry_namespace,
        settings.registry_token.get_secret_value(),
        private=settings.registry_private,
    )
