"""What is a hub's own: repositories, rights, tokens, settings."""

import pytest
from pydantic import ValidationError
from tests.hub_registry import NAMESPACE, TOKEN, HubRegistryServer
from tests.server.resources.house import Lab
from tests.server.resources.publishing.shelves import JOB, VERSION, OnHub, card_of, edition_of

from tunesmith.server.kit.errors import BadRequestError, ConflictError
from tunesmith.server.kit.settings import Settings
from tunesmith.server.publishing.hub import HubRegistry
from tunesmith.storage.errors import StorageError
from tunesmith.storage.files import Files

REPO = f"{NAMESPACE}/{VERSION.name}"
MODELS = {"model.onnx": 512}


def test_a_version_is_one_commit_on_a_branch_of_its_own(workspace: Files, hub: HubRegistryServer):
    OnHub(hub).open().publish(VERSION, edition_of(workspace, MODELS))
    repo = hub.repos[REPO]
    assert repo.private
    assert {*repo.branches} == {"main", VERSION.label}
    assert len(repo.commits) == 3, "the hub's own, the word on the main branch, and the version"
    main = repo.files("main") or {}
    assert {*main} == {".gitattributes", "README.md"}
    assert f"hf download {REPO} --revision" in main["README.md"].content.decode()


def test_a_repository_outlives_its_last_version(workspace: Files, hub: HubRegistryServer):
    registry = OnHub(hub).open()
    registry.publish(VERSION, edition_of(workspace, MODELS))
    registry.remove(VERSION)
    assert {*hub.repos[REPO].branches} == {"main"}


def test_a_repository_of_other_people_is_left_alone(workspace: Files, hub: HubRegistryServer):
    theirs = hub.create(REPO, files={"README.md": b"---\ntags:\n- art\n---\n", "model.bin": b"m"})
    with pytest.raises(BadRequestError, match="choose another display_name"):
        OnHub(hub).open().publish(VERSION, edition_of(workspace, MODELS))
    assert {*theirs.branches} == {"main"}
    assert OnHub(hub).open().versions(JOB) == []


def test_an_empty_repository_that_was_made_for_it_is_used_as_it_is(workspace: Files, hub: HubRegistryServer):
    hub.create(REPO, private=False)
    OnHub(hub).open().publish(VERSION, edition_of(workspace, MODELS))
    assert not hub.repos[REPO].private
    assert len(OnHub(hub).content()) == 1


def test_new_repositories_are_public_if_the_operator_wants_it(workspace: Files, hub: HubRegistryServer):
    HubRegistry(hub.url, NAMESPACE, TOKEN, private=False).publish(VERSION, edition_of(workspace, MODELS))
    assert not hub.repos[REPO].private


def test_the_hub_decides_between_servers_that_know_nothing_of_each_other(
    workspace: Files, hub: HubRegistryServer
):
    def overtake(_method: str, path: str) -> None:
        if path.endswith(f"/commit/{VERSION.label}"):
            hub.on_request = lambda _method, _path: None
            OnHub(hub).open().publish(VERSION, edition_of(workspace, MODELS, team="fast"))

    hub.on_request = overtake
    with pytest.raises(ConflictError, match="Somebody else has changed"):
        OnHub(hub).open().publish(VERSION, edition_of(workspace, MODELS, team="slow"))
    (files,) = OnHub(hub).content().values()
    assert card_of(files)["team"] == "fast"


def test_a_token_that_is_refused_is_not_told(workspace: Files, hub: HubRegistryServer):
    edition = edition_of(workspace, MODELS)
    for namespace, token in ((NAMESPACE, "hf_wrongAndSecret"), ("somebody-else", TOKEN)):
        with pytest.raises(StorageError, match="check the token") as caught:
            HubRegistry(hub.url, namespace, token).publish(VERSION, edition)
        assert token not in str(caught.value)
    assert hub.repos == {}


def test_a_hub_that_is_gone_is_named(lab: Lab, trained: str, hub: HubRegistryServer):
    lab.house.app.state.settings = Settings(data_dir=lab.house.settings.data_dir, **OnHub(hub).settings)
    hub.close()
    said = lab.ada.refused(503, "POST", f"{lab.path}/jobs/{trained}:publish_model", {})
    assert said.startswith(f"The model {NAMESPACE}/classification_pyt on {hub.url} does not answer")
    said = lab.ada.refused(503, "DELETE", f"{lab.path}/jobs/{trained}:remove_published_model")
    assert "check that the hub is reachable" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"offline": True}, "TUNESMITH_OFFLINE lets the server speak to none"),
        ({"registry_token": None}, "needs TUNESMITH_REGISTRY_NAMESPACE"),
        (
            {"registry_token": None, "registry_url": "https://x.y"},
            r"validation error for Settings\nregistry\n",
        ),
        ({"registry_namespace": None}, "needs TUNESMITH_REGISTRY_NAMESPACE"),
        ({"registry_namespace": "a/b"}, "registry_namespace"),
        ({"registry_url": "ftp://x"}, "must be an address"),
        ({"registry_url": "https://me:secret@x"}, "must be an address"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_the_token(
    hub: HubRegistryServer, values: dict[str, object], said: str
):
    with pytest.raises(ValidationError, match=said) as caught:
        Settings(**(OnHub(hub).settings | values))
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(Settings(**OnHub(hub).settings))
