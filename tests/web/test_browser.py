"""The browser example in a real Chromium: a page, its backend and an emulated Cognito."""

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.request import Request, urlopen

import pytest


pytest.importorskip("selenium", reason="Selenium is not installed")
pytest.importorskip("fastapi", reason="FastAPI is not installed")

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from browsing import EXAMPLE, LIFETIME, NOTHING, Page, build, chromium, running
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Pool


REFUSED = r"the server responded with a status of (429|503)"
PHONE = (360, 740)
# In seconds; no parameter changes it.
CREDENTIALS_LIFETIME = 3600
NAMES = (f"user-{number}" for number in count())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def example(
    browser: Chrome, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Path:
    assert pytestconfig.cache is not None
    return build(tmp_path_factory.mktemp("example"), pytestconfig.cache)


@pytest.fixture(scope="module")
def url(example: Path) -> Iterator[str]:
    with running(example) as url:
        yield url


@pytest.fixture
def signed_out(browser: Chrome, url: str) -> Iterator[Page]:
    page = Page(browser, url)
    page.resize(1200, 800)
    page.emulate(prefers_color_scheme="light")
    page.open()
    yield page
    with urlopen(Request(f"{url}/demo/outage", method="DELETE")):
        pass
    assert page.unexpected_messages() == []
    browser.delete_all_cookies()


@pytest.fixture
def page(signed_out: Page) -> Page:
    signed_out.sign_in(next(NAMES))
    return signed_out


def test_a_user_signs_in_and_gets_an_identity_and_credentials(signed_out: Page) -> None:
    signed_out.sign_in("ana")

    assert signed_out.text("who").startswith("Signed in as ana")
    assert re.fullmatch(r"ASIA\w\w…", signed_out.text("access-key"))
    for until in ("token-until", "credentials-until"):
        assert re.fullmatch(r"\d\d:\d\d:\d\d", signed_out.text(until))
    pool = Pool()
    request = TokenRequest(pool.identity_pool_id, {pool.developer_provider: "ana"})
    with DevTokenClient(endpoint_url=signed_out.fetch("/demo")[1]["endpoint"]) as client:
        assert signed_out.text("identity") == client.fetch(request).identity_id


def test_a_bar_shows_the_remaining_life_of_the_token(page: Page) -> None:
    bar = page["bar"]
    assert (bar.aria_role, bar.accessible_name) == (
        "progressbar",
        "Token lifetime remaining",
    )
    page.wait_for(lambda: page.bar() > 0.9)  # its first animation has ended
    shown = page.text("left")

    page.wait_for(lambda: page.text("left") < shown)  # without a click

    page.advance_clock(0.45 * LIFETIME)
    page.wait_for(lambda: 40 < int(bar.get_attribute("aria-valuenow") or 0) < 60)
    page.wait_for(lambda: 0.4 < page.bar() < 0.6)
    assert page.text("state") == "Fresh"


def test_another_request_returns_the_same_token_from_memory(page: Page) -> None:
    before = page.text("fingerprint")

    page.click("ask")

    page.wait_for_answer("The same token, from the backend's memory.")
    assert page.text("fingerprint") == before


def test_a_refresh_returns_a_new_token_of_the_same_identity(page: Page) -> None:
    token, identity, key = map(page.text, ("fingerprint", "identity", "access-key"))
    page.wait_for_another_second()

    page.click("refresh")

    page.wait_for_another(token)
    assert page.text("identity") == identity
    assert page.text("access-key") != key


def test_revoking_makes_the_backend_forget_a_token_that_cognito_still_accepts(page: Page) -> None:
    token, identity = page.text("fingerprint"), page.text("identity")

    page.click("revoke")

    page.wait_for_answer("Cognito still accepts the old token, until ")
    assert "The backend has forgotten your token" in page.text("entries")
    assert page.text("state") == "None"
    assert [page.text(each) for each in ("fingerprint", "identity", "access-key")] == [NOTHING] * 3
    page.wait_for_another_second()
    page.click("ask")
    page.wait_for_another(token)
    assert page.text("identity") == identity


def test_the_sdk_gets_credentials_of_the_user_from_the_backend(page: Page) -> None:
    endpoint, exchanged = page.fetch("/demo")[1]["endpoint"], page.text("access-key")
    calls = page.called().count(f"{endpoint}/")

    page.click("provide")

    page.wait_for_answer("The backend returned credentials.")
    assert re.fullmatch(r"ASIA\w\w…", page.text("backend-key"))
    assert page.text("backend-key") != exchanged, "the page exchanged a token for others"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", page.text("backend-until"))
    assert page.fetch("/aws-credentials", "POST")[1]["identityId"] == page.text("identity")
    assert page.called().count(f"{endpoint}/") == calls, "the page has not called Cognito"


def test_the_sdk_asks_the_backend_again_five_minutes_before_credentials_expire(
    page: Page,
) -> None:
    page.click("provide")
    page.wait_for_answer("The backend returned credentials.")

    page.advance_clock(CREDENTIALS_LIFETIME - 330)
    page.click("provide")
    page.wait_for_answer("The same credentials, from the SDK's memory.")
    assert page.called().count(f"{page.url}/aws-credentials") == 1

    page.advance_clock(60)
    page.click("provide")
    page.wait_for_answer("The backend returned credentials.")
    assert page.called().count(f"{page.url}/aws-credentials") == 2


def test_a_page_waits_for_credentials_from_the_backend_until_cognito_is_back(page: Page) -> None:
    page.expected = REFUSED
    page.click("outage")
    page.wait_for_answer("Cognito is down.")

    with page.holding_countdowns():
        page.click("provide")
        page.wait_for_answer("Temporarily unavailable. Try again later.")
        assert page.text("refusal") == "503 Service Unavailable"
        assert page.text("backend-key") == NOTHING
        page.click("outage")
        page.wait_for_entry("Cognito is up again.")
    page.wait_for_answer("The backend returned credentials.")
    assert page.text("backend-key") != NOTHING


def test_revoking_makes_the_backend_and_the_sdk_forget_credentials(page: Page) -> None:
    page.click("provide")
    page.wait_for_answer("The backend returned credentials.")
    key = page.fetch("/aws-credentials", "POST")[1]["accessKeyId"]

    page.click("revoke")
    page.wait_for_entry("The backend has forgotten your token")
    assert page.text("backend-key") == NOTHING
    page.wait_for(lambda: page["provide"].get_attribute("aria-disabled") == "false")
    page.click("provide")

    page.wait_for_answer("The backend returned credentials.")
    assert page.fetch("/aws-credentials", "POST")[1]["accessKeyId"] != key


def test_a_throttled_page_retries_after_the_time_in_the_response(page: Page) -> None:
    page.expected = REFUSED
    token, identity = page.text("fingerprint"), page.text("identity")

    recorded = page.record("refusal", "seconds", "fingerprint")
    page.click("throttle")
    page.wait_for_answer("Cognito will refuse the next few calls.")

    page.click("refresh")

    page.wait_for_entry("Too many requests. Try again later.")
    page.screenshot("browser.png")
    page.wait_for_another(token)
    assert page.text("identity") == identity
    assert not page["waiting"].is_displayed()
    countdown = ("Trying again in 2 s", "Trying again in 1 s", "Trying again …")
    shown = recorded()
    assert shown[:3] == [["429 Too Many Requests", text, token] for text in countdown], shown


def test_in_an_outage_the_cached_token_works_until_it_is_invalidated(page: Page) -> None:
    page.expected = REFUSED + "|ERR_CONNECTION_REFUSED"
    token, identity = page.text("fingerprint"), page.text("identity")
    page.click("outage")
    page.wait_for_answer("Cognito is down.")

    with page.holding_countdowns():
        page.click("refresh")
        page.wait_for_answer("Temporarily unavailable. Try again later.")
        assert page.text("refusal") == "503 Service Unavailable"
        page.click("ask")
        page.wait_for_answer("The same token, from the backend's memory.")
        assert not page["waiting"].is_displayed(), "another request cancels the retry"

        page.click("revoke")
        page.wait_for_answer("Cognito cannot be reached.")
        page.click("ask")
        page.wait_for_answer("Temporarily unavailable. Try again later.")
        page.click("outage")
        page.wait_for_entry("Cognito is up again.")
    page.wait_for_another(token)
    assert page.text("identity") == identity


def test_a_user_can_stop_waiting_for_a_retry(page: Page) -> None:
    page.expected = REFUSED
    page.click("outage")
    page.wait_for_answer("Cognito is down.")
    with page.holding_countdowns():
        page.click("refresh")
        page.wait_for(page["stop"].is_displayed)

        page["stop"].send_keys(Keys.ENTER)

        assert not page["waiting"].is_displayed()
        assert page.browser.switch_to.active_element == page["ask"]


def test_a_token_expires_and_the_next_can_be_requested(browser: Chrome, example: Path) -> None:
    with running(example, COGNITO_DEVTOKEN_TOKEN_DURATION="3") as url:
        # On a busy machine, a token may expire before it arrives, or before it is exchanged.
        page = Page(browser, url, expected="a status of (400|503)")
        page.open()
        page["name"].send_keys("ana")
        page["name"].submit()
        page.wait_for(lambda: page.text("fingerprint") not in ("", NOTHING))
        before = page.text("fingerprint")

        page.wait_for(lambda: page.text("state") == "Expired")
        page.wait_for(lambda: page.bar() == 0)
        assert page.text("left") == "0:00"

        def is_another() -> bool:
            if page["ask"].get_attribute("aria-disabled") == "false":
                page.click("ask")
            return page.text("fingerprint") not in (before, NOTHING)

        page.wait_for(is_another)
        assert page.unexpected_messages() == []
    browser.delete_all_cookies()


def test_secrets_are_only_in_the_memory_of_the_page(page: Page) -> None:
    page.click("provide")
    page.wait_for_answer("The backend returned credentials.")
    token = page.fetch("/cognito-token", "POST")[1]["Token"]
    credentials = page.fetch("/aws-credentials", "POST")[1]

    held = page.run(
        "return indexedDB.databases().then((databases) => JSON.stringify("
        "  [localStorage, sessionStorage, databases, document.cookie, location.href]))"
    )
    (cookie,) = page.browser.get_cookies()
    html = page.run("return document.documentElement.outerHTML")
    assert held == json.dumps([{}, {}, [], "", f"{page.url}/"], separators=(",", ":"))
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    secrets = [credentials[name] for name in ("secretAccessKey", "sessionToken")]
    for part in (token, *token.split("."), *secrets):
        assert len(part) > 20
        assert part not in html + cookie["value"]


def test_the_page_calls_only_its_backend_and_cognito(page: Page) -> None:
    called = page.called()
    endpoint = page.fetch("/demo")[1]["endpoint"]

    assert f"{endpoint}/" in called
    assert all(each.startswith((page.url, endpoint)) for each in called)


def test_responses_are_not_stored_and_foreign_scripts_may_not_run(url: str) -> None:
    with urlopen(url) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")


def test_a_reload_keeps_the_sign_in_and_a_sign_out_ends_it(page: Page) -> None:
    page.expected = "a status of 401"
    token = page.text("fingerprint")

    page.open()
    page.wait_for(lambda: page.text("fingerprint") == token)
    page.click("sign-out")

    page.wait_for_form()
    assert page.fetch("/cognito-token", "POST")[0] == 401


def test_a_user_signed_out_by_the_backend_can_sign_in_again(page: Page) -> None:
    page.expected = "a status of 401"
    page.browser.delete_all_cookies()

    page.click("refresh")

    page.wait_for_form()
    assert page.text("fingerprint") == "", "nothing about the user is shown"


def test_the_page_can_be_used_with_a_keyboard(signed_out: Page) -> None:
    def focused() -> str:
        return signed_out.browser.switch_to.active_element.get_attribute("id") or ""

    def press(key: str) -> None:
        signed_out.browser.switch_to.active_element.send_keys(key)

    assert focused() == "name"
    press("ana" + Keys.ENTER)
    signed_out.wait_for_entry("Cognito returned credentials")
    assert focused() == "token-title"
    order = []
    for _ in range(7):
        press(Keys.TAB)
        order.append(focused())
    assert order == ["ask", "refresh", "revoke", "provide", "throttle", "outage", "log"]
    press(Keys.SHIFT + Keys.TAB * 5)
    before = signed_out.text("fingerprint")
    signed_out.wait_for_another_second()
    assert focused() == "refresh"
    press(Keys.ENTER)
    signed_out.wait_for_another(before)
    assert focused() == "refresh", "the focus is kept"


def test_every_control_has_an_accessible_name(page: Page) -> None:
    named = ("ask", "refresh", "revoke", "provide", "throttle", "outage", "sign-out", "log", "bar")
    for id_ in named:
        assert page[id_].accessible_name, id_
    assert page["log"].aria_role == "log"
    page.click("sign-out")
    page.wait_for_form()
    assert page["name"].accessible_name == "User name"


def test_on_a_phone_nothing_is_wider_than_the_screen(signed_out: Page) -> None:
    signed_out.expected = REFUSED
    signed_out.resize(*PHONE)

    def width() -> int:
        return int(signed_out.run("return document.documentElement.scrollWidth"))

    assert width() == PHONE[0]
    signed_out.sign_in("w" * 64)
    assert width() == PHONE[0]
    signed_out.click("outage")
    signed_out.wait_for_answer("Cognito is down.")
    signed_out.click("refresh")
    signed_out.wait_for(signed_out["stop"].is_displayed)
    assert width() == PHONE[0]


def test_the_page_is_dark_for_users_who_prefer_that(page: Page) -> None:
    def paper() -> int:
        color = page.run("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", color)))

    assert paper() > 3 * 200
    page.emulate(prefers_color_scheme="dark")
    assert paper() < 3 * 50


def test_nothing_is_animated_for_users_who_prefer_that(page: Page) -> None:
    def transition() -> str:
        return page["fill"].value_of_css_property("transition-duration")

    assert transition().startswith("1s")
    page.emulate(prefers_reduced_motion="reduce")
    assert transition() == "0s"


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())

    assert lock["packages"]
    assert not any("resolved" in package for package in lock["packages"].values())
