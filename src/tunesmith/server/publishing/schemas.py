"""What clients send about published models."""

from typing import Annotated

from pydantic import Field

from tunesmith.server.kit.wire import StrictBody

Label = Annotated[str, Field(max_length=500)]


class PublishModel(StrictBody):
    """How a published model is called."""

    display_name: Label | None = Field(None, description="Default: the experiment's network.")
    description: Label | None = None
    team_name: Label | None = None
