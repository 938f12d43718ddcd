"""The commands that drive a server over its public API."""

import typer

from tunesmith.client.commands import (
    control,
    datasets,
    experiments,
    login,
    machine,
    specs,
    workspaces,
)
from tunesmith.client.commands.group import ReportingGroup

EPILOG = (
    "Exit codes: 0 well, 1 refused or failed, 2 wrong usage, 3 no connection, 4 not logged in, 5 not found, "
    "130 interrupted."
)


def build() -> typer.Typer:
    """The application with the client's commands; others may be added to it."""
    app = typer.Typer(
        name="tunesmith",
        cls=ReportingGroup,
        help="Train, adapt and optimise vision models on a tunesmith server.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    app.command()(login.login)
    app.command()(login.logout)
    app.add_typer(workspaces.app, name="workspaces")
    app.add_typer(datasets.app, name="datasets")
    app.add_typer(experiments.app, name="experiments")
    app.add_typer(specs.app, name="specs")
    app.add_typer(control.app, name="jobs")
    app.command("gpu-types")(machine.gpu_types)
    app.command()(machine.notebooks)
    app.command()(machine.version)
    return app
