"""The page of a report in a real browser: it sorts, filters, folds, and fits a phone."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from results import report
from tests.written_runs import TAG, write

NEEDED = os.environ.get("PREFGAMES_NEEDS_BROWSER") == "1"
PHONE = 375


def _missing(reason: str) -> None:
    """Skip, or fail where a browser must be installed."""
    if NEEDED:
        pytest.fail(f"{reason}, and PREFGAMES_NEEDS_BROWSER is 1")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the page of a small run."""
    run = write(tmp_path_factory.mktemp("runs") / "small-01234567", drawn=True)
    return report.write(run).as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Debian's driver."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        _missing("no chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is in the extra test")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver)
    with webdriver.Chrome(options=options, service=service) as running:
        yield running


@pytest.fixture
def browser(chromium: Any, page: str) -> Any:
    """The browser with the page freshly loaded, in light colours on a wide screen."""
    emulate(chromium, width=1280)
    chromium.get(page)
    return chromium


def emulate(browser: Any, width: int, scheme: str = "light", media: str = "") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def column(browser: Any, position: int) -> list[str]:
    """The cells of a column of the headline that are shown, from top to bottom."""
    cells = browser.execute_script(
        "return [...document.querySelector('#headline-2 table').tBodies[0].rows]"
        ".filter(row => !row.hidden).map(row => row.cells[arguments[0]].textContent)",
        position,
    )
    return list(cells)


def head(browser: Any, name: str) -> tuple[Any, int]:
    """The button that sorts by the column, and the position of the column."""
    buttons = browser.find_elements("css selector", "#headline-2 table th button")
    (position,) = (k for k, button in enumerate(buttons) if button.text == name)
    return buttons[position], position


def test_it_loads_nothing_and_reports_no_error(browser: Any) -> None:
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource')") == []
    assert browser.title == "prefgames: small-01234567"


def test_a_name_that_looks_like_code_stays_text(browser: Any) -> None:
    assert browser.execute_script("return window.hacked === undefined")
    assert browser.execute_script("return document.querySelectorAll('script').length") == 1
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert TAG in column(browser, 0)


def test_a_click_sorts_and_what_is_missing_comes_last(browser: Any) -> None:
    button, position = head(browser, "gap")
    cell = button.find_element("xpath", "..")
    assert cell.get_attribute("aria-sort") == "none"
    for direction in ("ascending", "descending"):
        button.click()
        assert cell.get_attribute("aria-sort") == direction
        *numbers, last = column(browser, position)
        assert last == "undef."
        expected = sorted(map(float, numbers), reverse=direction == "descending")
        assert [float(text) for text in numbers] == expected
        assert len(set(numbers)) > 4
    other, position = head(browser, "game")
    other.click()
    assert cell.get_attribute("aria-sort") == "none"
    names = column(browser, position)
    assert list(dict.fromkeys(names)) == [TAG, "condorcet", "g4", "skew_cycle"]


def test_the_keyboard_sorts_too(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    button, position = head(browser, "gap")
    browser.execute_script("arguments[0].focus()", button)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    assert column(browser, position)[0] == "0.00"
    button.send_keys(Keys.TAB)
    assert browser.switch_to.active_element == head(browser, "value")[0]


def test_the_first_key_leads_to_the_report(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.find_element("css selector", "body").send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the report"
    assert skip.location["x"] >= 0
    skip.send_keys(Keys.ENTER)
    assert browser.current_url.endswith("#main")


def test_a_filter_leaves_the_lines_with_all_its_words(browser: Any) -> None:
    field = browser.find_element("css selector", "#headline-2 input[type=search]")
    count = browser.find_element("css selector", "#headline-2 output")
    assert count.text == f"{len(column(browser, 0))} lines"
    field.send_keys("NLHF cycle")
    assert column(browser, 0) == ["skew_cycle"]
    assert column(browser, 1) == ["NLHF"]
    assert count.text.startswith("1 of ")
    browser.execute_script("arguments[0].value = ''", field)
    field.send_keys("no such line")
    assert column(browser, 0) == []


def test_folds_open_one_by_one_and_all_at_once(browser: Any) -> None:
    (fold,) = browser.find_elements("css selector", "#headline-2 > details")
    table = fold.find_element("css selector", "table")
    assert not table.is_displayed()
    fold.find_element("css selector", "summary").click()
    assert table.is_displayed()
    browser.find_element("id", "close-all").click()
    assert not table.is_displayed()
    browser.find_element("id", "open-all").click()
    assert (
        browser.execute_script(
            "return document.querySelectorAll('main details:not([open])').length"
        )
        == 0
    )
    assert table.is_displayed()


def test_figures_are_visible_and_share_no_id(browser: Any) -> None:
    browser.find_element("id", "open-all").click()
    drawings = browser.find_elements("css selector", "figure svg")
    assert len(drawings) >= 3  # the cycle, and figures of this run
    assert all(drawing.size["width"] > 200 for drawing in drawings)
    assert all(drawing.size["height"] > 100 for drawing in drawings)
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    dangling = browser.execute_script(
        "return [...document.querySelectorAll('svg use, nav a, a.term')]"
        ".map(e => e.getAttribute('href')).filter(to => !document.getElementById(to.slice(1)))"
    )
    assert dangling == []


@pytest.mark.parametrize("width", [PHONE, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(browser: Any, width: int) -> None:
    emulate(browser, width)
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_text_can_be_read_by_daylight_and_in_the_dark(browser: Any) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        emulate(browser, 1280, scheme)
        ground, *texts = browser.execute_script(
            "const of = (s, p) => getComputedStyle(document.querySelector(s))[p];"
            "return [of('body', 'backgroundColor'), of('body', 'color'), of('header p', 'color'),"
            " of('main summary', 'color'), of('figure svg', 'color')]"
        )
        grounds.add(ground)
        assert min(contrast(ground, text) for text in texts) >= 4.5
        shapes = browser.execute_script(
            "return ['rlhf', 'nlhf', 'slhf'].map(name =>"
            " getComputedStyle(document.querySelector(`td.${name}`), '::before').backgroundColor)"
        )
        assert len(set(shapes)) == 3
        assert min(contrast(ground, shape) for shape in shapes) >= 2
    assert len(grounds) == 2


def test_a_term_and_a_column_say_what_they_mean(browser: Any) -> None:
    tip = browser.find_element("id", "tip")
    assert not tip.is_displayed()
    emulate(browser, PHONE)
    term = browser.find_element("css selector", "a.term")
    browser.execute_script("arguments[0].focus()", term)
    assert tip.text == term.get_attribute("data-tip")
    assert term.get_attribute("aria-describedby") == "tip"
    assert tip.rect["x"] >= 0
    assert tip.rect["x"] + tip.rect["width"] <= PHONE
    browser.execute_script("arguments[0].focus()", head(browser, "gap")[0])
    assert tip.text.startswith("duality gap: the margin")


def test_it_prints_every_fold_but_long_and_wide_tables(browser: Any) -> None:
    lengthen = """
        const fold = document.querySelector("main details:has(> .table tbody)");
        const body = fold.querySelector("tbody");
        while (body.rows.length <= arguments[0]) body.append(body.rows[0].cloneNode(true));
        while (body.rows[0].cells.length <= arguments[1]) body.rows[0].insertCell();
        window.dispatchEvent(new Event("beforeprint"));
        const open = fold.open;
        window.dispatchEvent(new Event("afterprint"));
        return open;
    """
    assert browser.execute_script(lengthen, 20, 8)
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    closed = "return document.querySelectorAll('main details:not([open])').length"
    assert browser.execute_script(closed) == 0
    emulate(browser, 794, "dark", media="print")
    assert not browser.find_element("css selector", "nav").is_displayed()
    ink = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(ink) == "rgb(255, 255, 255)"
    emulate(browser, 1280)
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(closed) > 0
    assert not browser.execute_script(lengthen, 20, 12)
    browser.refresh()
    assert not browser.execute_script(lengthen, 60, 8)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours "rgb(r, g, b)" after WCAG 2, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour.split("(")[1].rstrip(")").split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
