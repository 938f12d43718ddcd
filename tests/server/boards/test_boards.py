"""The TensorBoard of an experiment: in a real browser, and for those who may not see it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from tests.live_server import Account, Server
from tests.server.console.browsers import CHROMIUM, launched, without_chromium
from tests.training.jobs import SMALL, nested

from tunesmith.client import BadRequestError, Client


class Trained:
    """An experiment of Ada's with a training whose specs ask for no event files."""

    def __init__(self, server: Server, digits: Path) -> None:
        self.server = server
        folder = server.folder("boards")
        shutil.copytree(digits, folder / "data" / "digits")
        space = server.local_workspace(folder)
        with self.client() as client:
            dataset = client.datasets.create(
                "image_classification", "classification_pyt", workspace=space, cloud_file_path="data/digits"
            )
            client.datasets.wait(dataset.id, interval=0.1, timeout=60)
            self.id = client.experiments.create("classification_pyt", workspace=space).id
            client.experiments.update(self.id, train_datasets=[dataset.id])
            with pytest.raises(BadRequestError, match="has no TensorBoard: PATCH it with"):
                client.experiments.tensorboard(self.id)
            client.experiments.update(self.id, tensorboard_enabled=True)
            job = client.jobs.create(self.id, "train", nested(SMALL | {"train.num_epochs": 2}))
            self.job = client.jobs.wait(job, interval=0.1, timeout=120).id
        self.path = f"/tensorboard/v1/orgs/{server.org}/experiments/{self.id}"
        self.run = f"train {self.job[:8]}"

    def client(self) -> Client:
        return Client(self.server.url, self.server.org, api_key=self.server.api_key)

    def link(self) -> str:
        with self.client() as client:
            return client.experiments.tensorboard(self.id)

    def switch(self, *, on: bool) -> None:
        with self.client() as client:
            client.experiments.update(self.id, tensorboard_enabled=on)

    def scalars(self, http: httpx.Client) -> Any:
        query = {"run": self.run, "tag": "train_loss"}
        reply = http.get(f"{self.server.url}{self.path}/data/plugin/scalars/scalars", params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()


@pytest.fixture(scope="module")
def trained(server: Server, digits_dataset: Path) -> Trained:
    return Trained(server, digits_dataset)


@pytest.fixture
def browser(trained: Trained) -> Iterator[httpx.Client]:
    """Somebody who has opened the link, and has the cookie."""
    with httpx.Client(timeout=60, follow_redirects=True) as http:
        opened = http.get(trained.link())
        assert opened.status_code == 200, opened.text
        assert "<title>TensorBoard</title>" in opened.text
        assert "ticket" not in str(opened.url)
        yield http


def test_the_curves_are_those_of_the_job(trained: Trained, browser: httpx.Client):
    with trained.client() as client:
        curve = client.jobs.get(trained.id, trained.job).progress.curves["train_loss"]
    points = trained.scalars(browser)
    assert {step: value for _, step, value in points} == pytest.approx(curve)


def test_the_cookie_is_of_this_board_and_out_of_reach(trained: Trained):
    reply = httpx.get(trained.link(), follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (303, f"{trained.path}/")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert f"path={trained.path}/" in cookie


def test_it_can_be_switched_off_and_on(trained: Trained, browser: httpx.Client):
    url = f"{trained.server.url}{trained.path}/"
    trained.switch(on=False)
    try:
        assert browser.get(url).status_code == 400
    finally:
        trained.switch(on=True)
    assert browser.get(url).status_code == 200


def test_forms_reach_tensorboard_as_they_are(trained: Trained, browser: httpx.Client):
    url = f"{trained.server.url}{trained.path}/data/plugin/scalars/scalars_multirun"
    reply = browser.post(url, files={"tag": (None, "train_loss"), "runs": (None, trained.run)})
    assert reply.status_code == 200, reply.text
    assert len(reply.json()[trained.run]) == 2


def test_results_that_are_not_on_this_machine_come_from_the_workspace(
    trained: Trained, browser: httpx.Client
):
    """As on another server, or after the job's folder was lost."""
    data = trained.server.data_dir
    trained.scalars(browser)
    shutil.rmtree(data / "jobs" / trained.job / "results")
    shutil.rmtree(data / "tensorboard")
    trained.server.stop()
    trained.server.start(urlsplit(trained.server.url).port or 0)
    assert browser.get(f"{trained.server.url}{trained.path}/").status_code == 200
    assert len(trained.scalars(browser)) == 2
    assert (data / "tensorboard" / trained.id / trained.run).is_dir()


@pytest.mark.parametrize("ticket", ["", "nonsense", "LOGIN"])
def test_without_a_pass_nothing_is_shown(trained: Trained, ticket: str):
    ticket = trained.server.login() if ticket == "LOGIN" else ticket
    url = f"{trained.server.url}{trained.path}/data/runs"
    assert httpx.get(url, params={"ticket": ticket} if ticket else None).status_code == 401
    page = httpx.get(url, headers={"Accept": "text/html"}).text
    assert "API key" in page
    assert "train" not in page


def test_a_pass_opens_no_other_door(trained: Trained):
    ticket = trained.link().partition("ticket=")[2]
    server = trained.server
    other = f"/tensorboard/v1/orgs/{server.org}/experiments/00000000-0000-4000-8000-000000000000/"
    assert httpx.get(f"{server.url}{other}", params={"ticket": ticket}).status_code == 401
    login = {"Authorization": f"Bearer {ticket}"}
    assert httpx.get(f"{server.url}/api/v1/orgs/{server.org}/experiments", headers=login).status_code == 401
    cookies = {"tunesmith_board": server.login()}
    assert httpx.get(f"{server.url}{trained.path}/", cookies=cookies).status_code == 401


def test_only_readers_of_the_experiment_get_a_link(trained: Trained):
    bob: Account = trained.server.account("acme", "bob")
    path = f"/experiments/{trained.id}:tensorboard"
    assert bob.api("GET", path).status_code == 404
    trained.server.api("PATCH", f"/experiments/{trained.id}", json={"shared": True})
    url = bob.api("GET", path).json()["url"]
    with httpx.Client(follow_redirects=True, timeout=60) as http:
        assert http.get(f"{trained.server.url}{url}").status_code == 200
        trained.server.api("PATCH", f"/experiments/{trained.id}", json={"shared": False})
        assert http.get(f"{trained.server.url}{trained.path}/").status_code == 404


@without_chromium
def test_a_browser_draws_the_curve_after_a_login(trained: Trained):
    assert CHROMIUM
    with sync_playwright() as playwright, launched(playwright) as running:
        page = running.new_page()
        page.goto(f"{trained.server.url}{trained.path}")
        page.get_by_label("API key").fill("tsk_wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("#who")).to_contain_text("The key is not valid")
        page.get_by_label("API key").fill(trained.server.api_key)
        page.get_by_role("button", name="Log in").click()
        card = page.locator("scalar-card, tb-scalar-card").filter(has_text="train_loss").first
        expect(card).to_be_visible(timeout=60_000)
        expect(card.locator("svg path").first).to_be_attached(timeout=60_000)
