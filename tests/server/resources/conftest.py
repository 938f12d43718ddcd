"""Somebody's server, and who uses it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from starlette.testclient import TestClient
from tests.server.resources.house import CountingHint, House, Lab, Person, new_dataset, stand_on

from tunesmith.server.app import create_app
from tunesmith.server.auth.tokens import TokenSigner
from tunesmith.server.jobs.followers import Followers
from tunesmith.server.kit.database import Database
from tunesmith.server.kit.secrets import Vault
from tunesmith.server.kit.settings import Settings
from tunesmith.server.migrations import migrate


@pytest.fixture
def database_url() -> str | None:
    """The database of the house; the embedded one unless a module says otherwise."""
    return None


@pytest.fixture
def house(tmp_path: Path, database_url: str | None) -> Iterator[House]:
    settings = Settings(data_dir=tmp_path, min_free_mb=0, database_url=database_url)
    database = Database(settings.resolved_database_url)
    migrate(database.engine)
    app = create_app(settings)
    signer = TokenSigner(b"k" * 32, timedelta(hours=1))
    hint, vault = CountingHint(), Vault(Fernet.generate_key())
    app.state.settings, app.state.database, app.state.vault = settings, database, vault
    app.state.hint, app.state.signer, app.state.followers = hint, signer, Followers(database)
    # The client does not enter the app's lifespan: no scheduler runs, the tests play its part.
    stand_on(database, "lab")
    http = TestClient(app, raise_server_exceptions=False)
    yield House(settings, database, vault, hint, app, signer, http)
    database.dispose()


@pytest.fixture
def ada(house: House) -> Person:
    return house.move_in("ada", "acme")


@pytest.fixture
def bob(house: House) -> Person:
    """A colleague of Ada's."""
    return house.move_in("bob", "acme")


@pytest.fixture
def eve(house: House) -> Person:
    """Somebody from elsewhere."""
    return house.move_in("eve", "other")


@pytest.fixture
def space(house: House, ada: Person) -> str:
    """Ada's workspace."""
    return house.workspace(ada)


@pytest.fixture
def lab(house: House, ada: Person, space: str) -> Lab:
    train, val = (
        new_dataset(ada, space, cloud_file_path=f"data/{use}", use_for=[use])
        for use in ("training", "evaluation")
    )
    for dataset in (train, val):
        house.settle_pull(dataset)
    body: dict[str, object] = {"network_arch": "classification_pyt", "workspace": space}
    body |= {"train_datasets": [train], "eval_dataset": val}
    experiment = ada.post("experiments", body)
    return Lab(house, ada, space, train, val, experiment["id"])
