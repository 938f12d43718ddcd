"""The pages in a real browser, which may speak to nobody but the server."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)
from tests.live_server import Server
from tests.server.console.browsers import launched, without_chromium

pytestmark = without_chromium
PRINTED_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that stays with its server: what it asks of others, or gets wrong, fails the test."""
    wrong: list[str] = []
    home = urlsplit(server.url).netloc
    context = browser.new_context()

    def stay_home(route: Route, request: Request) -> None:
        if urlsplit(request.url).netloc == home:
            route.continue_()
        else:
            wrong.append(f"asks {request.url}")
            route.abort()

    def read(line: ConsoleMessage) -> None:
        if line.type == "error" and "status of 401" not in line.text:
            wrong.append(line.text)

    context.route("**/*", stay_home)
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", read)
    yield opened
    context.close()
    assert wrong == []


def unfolded(page: Page, method: str, path: str) -> Locator:
    """One operation of the reference, opened."""
    title = re.compile(rf"^{method}{re.escape(path)} ")
    operation = page.locator("details.operation").filter(has=page.locator("summary", has_text=title))
    operation.locator("summary").click()
    return operation


def log_in(server: Server, page: Page, key: str) -> None:
    page.get_by_label("Organisation").fill(server.org)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


def operations(server: Server) -> list[str]:
    paths = server.client.get(f"{server.url}/openapi.json").json()["paths"]
    return [f"{method.upper()}{path}" for path, methods in paths.items() for method in methods]


def titles(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all(
        "all => all.map(one => [...one.children].slice(0, 2).map(part => part.textContent).join(''))"
    )
    return found


@pytest.mark.shows("GET /swagger", "GET /redoc")
@pytest.mark.parametrize("path", ["/swagger", "/redoc", "/default/api/v1/swagger"])
def test_the_reference_lists_all_operations(server: Server, page: Page, path: str) -> None:
    page.goto(server.url + path)
    expect(page.locator("#version")).to_have_text("API 6.0.0")
    shown = titles(page, "details.operation > summary")
    assert sorted(shown) == sorted(operations(server))


def test_somebody_logs_in_and_tries_operations(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/swagger")
    health = unfolded(page, "GET", "/api/v1/health")
    health.get_by_role("button", name="Send").click()
    expect(health.locator("pre")).to_have_text("200\nOK")
    log_in(server, page, server.api_key)
    expect(page.locator("#who")).to_have_text("logged in as ada")
    gpus = unfolded(page, "GET", "/api/v1/orgs/{org_name}:gpu_types")
    gpus.get_by_role("button", name="Send").click()
    expect(gpus.locator("pre")).to_contain_text('"gpu_type": "CPU')


def test_a_wrong_key_is_told(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/swagger")
    log_in(server, page, "tsk_wrong")
    expect(page.locator("#who")).to_contain_text("The key is not valid for organisation 'acme'")


def test_finding_leaves_what_fits(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/swagger")
    expect(page.locator("#version")).to_have_text("API 6.0.0")
    page.get_by_label("Find").fill("gpu_types")
    assert page.locator("details.operation:visible").count() == 1


@pytest.mark.shows("GET /rapipdf")
def test_the_whole_reference_prints(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/rapipdf")
    button = page.get_by_role("button", name="Print, or save as PDF")
    expect(button).to_be_enabled()
    assert page.title() == "tunesmith API 6.0.0"
    assert sorted(titles(page, "main article > h3:has(.method)")) == sorted(operations(server))
    page.evaluate("window.print = () => { document.body.dataset.printed = 'yes'; }")
    button.click()
    expect(page.locator("body")).to_have_attribute("data-printed", "yes")
    page.emulate_media(media="print")
    expect(button).to_be_hidden()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "something runs out of the paper"
    pdf = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    assert pdf.startswith(b"%PDF-")
    assert len(PRINTED_PAGE.findall(pdf)) > len(operations(server)) / 5
