"""The page of a review in a browser: opened with its key, corrected, saved, handed in."""

import time

import pytest

from appliance.records.notes import SourceNote
from appliance.records.progress import Silent
from appliance.workflows.review_queue import Wish, make_review
from appliance.workflows.reviewed import take_decisions
from tests.lib.browser import opened
from tests.lib.read_site import make_site, read_notes

NOTES = [
    SourceNote("s-0", "P-0", "letter", "", "\U0001f9ea </script><b>asthma</b> and gout; migraine."),
    SourceNote("s-1", "P-1", "letter", "", "Nothing was seen."),
]

# Marks words by the offsets of the text as a string of JavaScript has them.
_SELECT = """
const place = document.getElementById("text");
const [words] = arguments;
const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
let node;
while ((node = walker.nextNode())) {
  const at = node.data.indexOf(words);
  if (at < 0) continue;
  const range = document.createRange();
  range.setStart(node, at);
  range.setEnd(node, at + words.length);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return;
}
throw new Error("not there");
"""


class Reader:
    """Who reads the page in a browser."""

    def __init__(self, browser):
        self.browser = browser

    def find(self, name):
        from selenium.webdriver.common.by import By

        return self.browser.find_element(By.ID, name)

    def click(self, name):
        self.find(name).click()

    def text(self, name="text"):
        return self.find(name).text

    def wait(self, condition):
        for _ in range(1200):
            if condition():
                return
            time.sleep(0.05)
        pytest.fail("the page did not get there")

    def open(self, key):
        from selenium.webdriver.common.keys import Keys

        self.find("key").clear()
        self.find("key").send_keys(key, Keys.ENTER)

    def go_to(self, words):
        """There are two stretches."""
        while words not in self.text():
            self.click("next" if "1 of" in self.text("counts") else "back")

    def marks(self):
        from selenium.webdriver.common.by import By

        return self.browser.find_elements(By.CSS_SELECTOR, "#text mark")

    def mark(self, words):
        from selenium.webdriver.common.by import By

        self.browser.execute_script(_SELECT, words)
        self.find("labels").find_element(By.TAG_NAME, "button").click()


@pytest.fixture
def made(tmp_path):
    """A review of two notes, and a folder for what is saved."""
    site = make_site(tmp_path / "site", NOTES)
    read_notes(site, "found")
    (tmp_path / "saved").mkdir()
    return make_review(
        site.paths.root, "found", out="first", reason="check", wish=Wish(2, 0), progress=Silent()
    )


@pytest.mark.slow
def test_a_person_corrects_findings_in_a_browser(made, tmp_path):
    """A mark taken away, one added by mouse and key; nothing is shown or kept without the key."""
    downloads = tmp_path / "saved"
    with opened(made.page, downloads) as browser:
        reader = Reader(browser)
        assert "gout" not in browser.page_source
        reader.open("A" * 43)
        reader.wait(lambda: "does not open" in reader.text("counts"))
        reader.open(made.key)
        reader.wait(lambda: reader.find("desk").is_displayed())
        reader.go_to("gout")

        assert "</script><b>asthma" in reader.text()
        marks = reader.marks()
        assert [mark.text for mark in marks] == ["asthma", "gout"]
        marks[1].click()
        reader.mark("migraine")
        assert [mark.text for mark in reader.marks()] == ["asthma", "migraine"]
        reader.click("done")
        stored = browser.execute_script("return JSON.stringify(localStorage)")
        assert "migraine" not in stored
        assert "appliance-review-" in stored
        reader.click("save")
        reader.wait(lambda: list(downloads.glob("*.json")))
        severe = [one for one in browser.get_log("browser") if one["level"] == "SEVERE"]
        assert not severe

    [file] = downloads.glob("*.json")
    assert b"spans" not in file.read_bytes()
    report = take_decisions(tmp_path / "site", "first", file)
    assert report.decided == 1
    assert (report.accepted, report.rejected, report.added) == (1, 1, 1)
    assert 0 < report.hours < 0.1


@pytest.mark.slow
def test_what_was_changed_and_not_confirmed_is_not_taken_for_saved(made, tmp_path):
    """It is in no file; the page says so, and shows the first of it when the person saves."""
    downloads = tmp_path / "saved"
    with opened(made.page, downloads) as browser:
        reader = Reader(browser)
        reader.open(made.key)
        reader.wait(lambda: reader.find("desk").is_displayed())
        for words in ("gout", "Nothing"):
            reader.go_to(words)
            reader.click("done")
        assert not reader.text("pending")

        reader.go_to("Nothing")
        reader.mark("Nothing")
        assert "1 changed and not done, this one too" in reader.text("pending")
        reader.go_to("gout")
        assert "1 changed and not done:" in reader.text("pending")
        reader.click("save")
        reader.wait(lambda: list(downloads.glob("*.json")))
        reader.wait(lambda: "Nothing" in reader.text())

    [file] = downloads.glob("*.json")
    report = take_decisions(tmp_path / "site", "first", file)
    assert (report.decided, report.added) == (1, 0)
