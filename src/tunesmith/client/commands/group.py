"""The root of the command line: errors of this client become sentences and exit codes here."""

from typing import Any

import typer
from typer.core import TyperGroup

from tunesmith.client.commands.exits import code_of
from tunesmith.client.commands.output import Output
from tunesmith.client.errors import TunesmithError


class ReportingGroup(TyperGroup):
    """Commands whose expected failures are reported rather than traced."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except TunesmithError as error:
            Output().failure(error)
            raise typer.Exit(code_of(error)) from error
