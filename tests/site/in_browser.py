"""
The built documentation can be read in a browser: at 1280 and 390 px, light and dark.

``nox -s docs`` runs this file after it has built the site, with --noconftest, since its environment
has nothing that the other tests need. The file has no name that pytest collects by itself, because
the other sessions have no site.
"""

import http.server
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from browsing import Page, chromium


SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
CHECKS = (Path(__file__).parent / "checks.js").read_text()
DESKTOP, PHONE = 1280, 390
# Neighbours share a width or a theme, because changing either takes as long as loading a page.
LOOKS = [("light", DESKTOP), ("light", PHONE), ("dark", PHONE), ("dark", DESKTOP)]
# The system prefers the other theme: what the reader chooses on the page must win.
SYSTEM = {"light": "dark", "dark": "light"}
SMALLEST_TEXT = 10.5  # pixels, in a drawing
LARGEST_LANDING_PAGE = 300_000  # bytes


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # one connection for all

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its name
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@attrs.define
class Findings:
    """What is wrong, by kind; each line has the page, the width and the theme."""

    pages: int = 0
    faults: dict[str, list[str]] = attrs.Factory(lambda: defaultdict(list))
    looks: list[tuple[str, int]] = attrs.Factory(lambda: list(LOOKS))
    theme: str = ""
    width: int = 0

    def look_at(self, browser: Chrome, url: str, name: str) -> None:
        """Look at a page in both widths and themes, and load it only once."""
        page = Page(browser, url)
        browser.get(url)
        for theme, width in self.looks:
            if theme != self.theme:
                page.emulate(prefers_color_scheme=SYSTEM[theme])
            if width != self.width:
                page.resize(width, 900)
            self.theme, self.width = theme, width
            found = page.run(CHECKS + "return look(...arguments)", theme, SMALLEST_TEXT)
            where = f"{name}, {width} px, {theme}"
            if (needed := found.pop("needed")) > width:
                self.faults["wide"].append(f"{where}: needs {needed} px")
            for kind, lines in found.items():
                self.faults[kind] += [f"{where}: {line}" for line in lines]
        self.looks.reverse()  # the next page begins as this one ends
        self.pages += 1


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    if not (SITE / "index.html").exists():
        pytest.fail("The site has not been built: run nox -s docs.")
    with served(SITE) as url:
        yield url


@pytest.fixture(scope="module")
def findings(browser: Chrome, site: str) -> Findings:
    findings = Findings()
    for path in sorted(SITE.rglob("*.html")):
        name = str(path.relative_to(SITE))
        findings.look_at(browser, f"{site}/{name}", name)
    return findings


# The first test, while the browser has nothing in its cache.
def test_the_landing_page_is_light(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/index.html")

    size = browser.execute_script(CHECKS + "return transferred()")

    assert 0 < size < LARGEST_LANDING_PAGE


def test_all_pages_are_looked_at(findings: Findings) -> None:
    sources = list((SITE.parents[1]).glob("*.md"))

    assert findings.pages > len(sources) > 30


def test_no_page_scrolls_sideways(findings: Findings) -> None:
    assert findings.faults["wide"] == []


def test_all_text_has_enough_contrast(findings: Findings) -> None:
    assert findings.faults["faint"] == []


def test_code_in_a_table_stays_on_one_line(findings: Findings) -> None:
    assert findings.faults["broken"] == []


def test_the_text_of_a_drawing_is_large_enough(findings: Findings) -> None:
    assert findings.faults["tiny"] == []


def test_the_text_of_a_drawing_stays_inside(findings: Findings) -> None:
    assert findings.faults["cut"] == []


def test_an_image_follows_the_theme_of_the_page(findings: Findings) -> None:
    assert findings.faults["unswitched"] == []


def test_a_cell_on_a_phone_names_its_column(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/errors.html")
    Page(browser, site).resize(PHONE, 900)

    label = browser.execute_script(
        "return getComputedStyle(document.querySelector('td:nth-child(3)'), '::before').content"
    )

    assert label.startswith('"retry')


def test_a_term_has_an_address(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/troubleshooting.html#port-of-is-in-use")

    text = browser.execute_script("return document.querySelector('dt:target').textContent")

    assert text.startswith("Port … of … is in use.")


def test_a_search_finds_titles_first_and_the_changelog_last(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/search.html?q=emulator")
    WebDriverWait(browser, 60).until(
        lambda _: browser.execute_script(
            "return document.querySelector('.search-summary')?.textContent.includes('finished')"
        )
    )

    pages = browser.execute_script(
        "return [...document.querySelectorAll('ul.search > li > a')].map((a) => a.pathname)"
    )

    assert pages[0] == "/emulator.html"
    assert pages[-1] == "/changelog.html"


HEAD = '<!doctype html><meta name="viewport" content="width=device-width">'

BAD = {
    "wide": '<p style="width: 2000px">Wide</p>',
    "faint": '<p style="color: #999; background: #fff">Faint</p>',
    "broken": '<table style="width: 4em; table-layout: fixed">'
    "<td><code>--one --two --three --four</code></table>",
    "tiny": '<svg viewBox="0 0 500 50" width="100"><text y="20">Tiny</text></svg>',
    "cut": '<svg viewBox="0 0 90 50" width="90"><text x="80" y="20">Cut off</text></svg>',
    "unswitched": '<img src="plot.svg">',
    # Dark text of a drawing on a dark shape, which is no background to CSS.
    "faint on a shape": '<svg viewBox="0 0 90 50" width="90">'
    '<rect width="90" height="50" fill="#333"/><text y="20">Faint</text></svg>',
    # Readable only if the page follows the system instead of its own switch.
    "faint by the system": "<style>@media (prefers-color-scheme: dark) {p {color: #eee}}</style>"
    '<p style="background: #fff">Faint</p>',
}


@pytest.mark.parametrize("fault", BAD)
def test_a_fault_is_found(browser: Chrome, tmp_path: Path, fault: str) -> None:
    (tmp_path / "bad.html").write_text(f"{HEAD}<body>{BAD[fault]}</body>")
    findings = Findings()

    with served(tmp_path) as url:
        findings.look_at(browser, f"{url}/bad.html", "bad.html")

    assert {kind for kind, lines in findings.faults.items() if lines} == {fault.partition(" ")[0]}
