"""Run the browser example in a real Chromium, and find things on its page."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

import attrs
import pytest
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from patience import PATIENCE


ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "browser"
STATIC = ROOT / "docs" / "_static"
# Set this variable to save screenshots for the docs. Otherwise a run changes no files.
PICTURES = "BROWSER_PICTURES" in os.environ
# Tokens stay fresh longer than any test takes.
LIFETIME = 3600

FLAGS = [
    "--headless",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    # Without name lookups, nothing leaves this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
NOTHING = "\N{EN DASH}"
_Value = TypeVar("_Value")


def require_chromium() -> tuple[str, str]:
    """Return Chromium and its driver; install them if possible, or skip the test."""
    names = ("chromium", "chromedriver")
    if not all(map(shutil.which, names)):
        if os.geteuid() or not shutil.which("apt-get"):
            pytest.skip(
                "needs chromium and chromedriver, which only root can install: "
                "apt-get install chromium chromium-driver"
            )
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
        install = [*apt, "install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]
        # The package lists may be missing or outdated.
        if _run(install).returncode:
            _run([*apt, "update"])
            done = _run(install)
            if done.returncode:
                pytest.skip(f"needs chromium and chromedriver; apt-get: {_last(done.stderr)}")
    chromium, driver = map(shutil.which, names)
    assert chromium
    assert driver
    return chromium, driver


def build(folder: Path, cache: pytest.Cache) -> Path:
    """
    Build the page in a copy of the example, or skip the test if that is impossible.

    The packages that npm installs are cached by lock file.
    """
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        pytest.skip(f"needs Node.js to build the page: no {' and no '.join(missing)}")
    copy = folder / "browser"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("dist", "node_modules", "__*"))
    lock = (copy / "package-lock.json").read_bytes()
    kept = cache.mkdir(f"node-modules-{hashlib.sha256(lock).hexdigest()[:16]}") / "node_modules"
    if not kept.is_dir():
        _install(copy, kept)
    (copy / "node_modules").symlink_to(kept)
    done = _run(["npm", "run", "build"], copy)
    assert not done.returncode, done.stderr
    return copy


def _install(copy: Path, kept: Path) -> None:
    done = _run(["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"], copy)
    if re.search(r"code (ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ENETUNREACH)", done.stderr):
        pytest.skip(f"needs the npm registry to build the page: {_last(done.stderr)}")
    assert not done.returncode, done.stderr
    # Appears complete or not at all, even if another run does the same now.
    beside = Path(mkdtemp(dir=kept.parent))
    shutil.move(copy / "node_modules", beside)
    with suppress(OSError):
        (beside / "node_modules").rename(kept)
    shutil.rmtree(beside)


def _run(command: list[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not end within {PATIENCE} s")


def _last(text: str) -> str:
    return text.strip().rpartition("\n")[2]


@contextmanager
def running(example: Path, **environ: str) -> Generator[str]:
    """Run the example and stop it; it must end cleanly and without a warning."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "app.py", "--port=0"],
        cwd=example,
        env=os.environ | {"COGNITO_DEVTOKEN_TOKEN_DURATION": str(LIFETIME)} | environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    log = ""
    try:
        # The example logs its URL once it listens.
        for line in process.stderr:
            log += line
            if found := re.search(r"running on (http://\S+)", line):
                yield found[1]
                break
        process.send_signal(signal.SIGTERM)
        log += process.communicate(timeout=PATIENCE)[1]
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()
    assert process.returncode in (0, -signal.SIGTERM), log
    assert not re.search("Warning|Traceback", log), log


@contextmanager
def chromium(folder: Path) -> Generator[Chrome]:
    """Run a headless browser."""
    binary, driver = require_chromium()
    options = ChromeOptions()
    options.binary_location = binary
    for flag in [*FLAGS, f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    if not os.geteuid():
        options.add_argument("--no-sandbox")  # as root, Chromium cannot start its sandbox
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(driver)) as browser:
        yield browser


@attrs.define
class Page:
    """The page, as a user sees it."""

    browser: Chrome
    url: str
    expected: str = "nothing"
    """A pattern for messages that may appear in the console."""

    def open(self) -> None:
        self.browser.get(self.url)
        self.wait_for(lambda: self["name"].is_displayed() or self["token"].is_displayed())

    def __getitem__(self, id_: str) -> WebElement:
        return self.browser.find_element(By.ID, id_)

    def text(self, id_: str) -> str:
        return self[id_].text

    def click(self, id_: str) -> None:
        self[id_].click()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def command(self, name: str, **arguments: Any) -> None:
        self.browser.execute_cdp_cmd(name, arguments)

    def wait_for(self, condition: Callable[[], _Value]) -> _Value:
        # While a page loads, elements found earlier may disappear.
        gone = [StaleElementReferenceException]
        wait = WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05, ignored_exceptions=gone)
        try:
            return wait.until(lambda _: condition())
        except TimeoutException:
            pytest.fail(
                f"Timed out; the page shows:\n{self.browser.find_element(By.TAG_NAME, 'main').text}"
            )

    def sign_in(self, name: str) -> None:
        self["name"].send_keys(name)
        self["name"].submit()
        self.wait_for_entry("Cognito returned credentials")

    def wait_for_entry(self, text: str) -> None:
        self.wait_for(lambda: text in self.text("entries"))

    def wait_for_answer(self, text: str) -> None:
        """Wait until the latest entry has this text."""
        latest = "#entries li:first-child p:last-child"
        self.wait_for(lambda: text in self.browser.find_element(By.CSS_SELECTOR, latest).text)

    def wait_for_form(self) -> None:
        self.wait_for(lambda: self["name"].is_displayed())  # noqa: PLW0108  # looked up each time

    def wait_for_another_second(self) -> None:
        """Wait for a new second: within one second, Cognito issues the same token again."""
        now = int(time.time())
        self.wait_for(lambda: int(time.time()) > now)

    def wait_for_another(self, fingerprint: str) -> str:
        """Wait for a new token and its credentials, and return the token's fingerprint."""
        self.wait_for(lambda: self.text("fingerprint") not in (fingerprint, NOTHING))
        self.wait_for_answer("Cognito returned credentials")
        return self.text("fingerprint")

    def bar(self) -> float:
        """Return how far the bar is filled on screen: 0 to 1."""
        return float(
            self.run(
                "const [bar, fill] = ['bar', 'fill'].map("
                "  (id) => document.getElementById(id).getBoundingClientRect());"
                "return (fill.right - bar.left) / bar.width"
            )
        )

    def emulate(self, **features: str) -> None:
        """Set user preferences, such as ``prefers_color_scheme="dark"``."""
        pairs = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.command("Emulation.setEmulatedMedia", features=pairs)

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def record(self, *ids: str) -> Callable[[], list[list[str]]]:
        """Record the texts of elements whenever one of them changes from now on."""
        self.run(
            "const elements = [...arguments].map((id) => document.getElementById(id));"
            "window.recorded = [];"
            "const observer = new MutationObserver("
            "  () => recorded.push(elements.map((element) => element.textContent)));"
            "for (const element of elements) observer.observe(element, {childList: true})",
            *ids,
        )
        return lambda: list(self.run("return window.recorded"))

    @contextmanager
    def holding_countdowns(self) -> Generator[None]:
        """Pause countdowns that begin inside this context; resume them at its end."""
        self.run(
            "const start = window.setInterval;"
            "window.setInterval = (step, ms) => start(() => window.held || step(), ms);"
            "window.held = true"
        )
        yield
        self.run("window.held = false")

    def advance_clock(self, seconds: float) -> None:
        """Advance the page's clock."""
        self.run(
            "const now = Date.now;const ahead = arguments[0] * 1000;Date.now = () => now() + ahead",
            seconds,
        )

    def called(self) -> list[str]:
        """Return the URLs that the page has requested so far."""
        found = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return list(self.run(found))

    def fetch(self, path: str, method: str = "GET") -> Any:
        """Return the status and the body of a response from the backend."""
        return self.run(
            "return fetch(arguments[0], {method: arguments[1]})"
            ".then(async (answer) => [answer.status, await answer.json()])",
            path,
            method,
        )

    def screenshot(self, name: str) -> None:
        """Save a screenshot for the docs, if they are wanted."""
        if PICTURES:
            # The bar moves for a second after each change.
            self.browser.execute_script("document.getAnimations().forEach(each => each.finish())")
            self.browser.save_screenshot(str(STATIC / name))

    def unexpected_messages(self) -> list[str]:
        """Return the unexpected console messages since the last call."""
        messages = [entry["message"] for entry in self.browser.get_log("browser")]  # type: ignore[no-untyped-call]
        return [message for message in messages if not re.search(self.expected, message)]
