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


@pytest.mark.slow
def test_a_person_corrects_findings_in_a_browser(tmp_path):
    """A mark taken away, one added by mouse and key; nothing is shown or kept without the key."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    site = make_site(tmp_path / "site", NOTES)
    read_notes(site, "found")
    root, downloads = site.paths.root, tmp_path / "saved"
    downloads.mkdir()
    made = make_review(
        root, "found", out="first", reason="check", wish=Wish(2, 0), progress=Silent()
    )

    with opened(made.page, downloads) as browser:

        def find(name):
            return browser.find_element(By.ID, name)

        def wait(condition):
            for _ in range(100):
                if condition():
                    return
                time.sleep(0.05)
            pytest.fail("the page did not get there")

        assert "gout" not in browser.page_source
        find("key").send_keys("A" * 43, Keys.ENTER)
        wait(lambda: "does not open" in find("counts").text)
        find("key").clear()
        find("key").send_keys(made.key, Keys.ENTER)
        wait(lambda: find("desk").is_displayed())
        while "gout" not in find("text").text:
            find("next").click()

        assert "</script><b>asthma" in find("text").text
        marks = browser.find_elements(By.CSS_SELECTOR, "#text mark")
        assert [mark.text for mark in marks] == ["asthma", "gout"]
        marks[1].click()
        browser.execute_script(_SELECT, "migraine")
        find("labels").find_element(By.TAG_NAME, "button").click()
        marks = browser.find_elements(By.CSS_SELECTOR, "#text mark")
        assert [mark.text for mark in marks] == ["asthma", "migraine"]
        find("done").click()
        stored = browser.execute_script("return JSON.stringify(localStorage)")
        assert "migraine" not in stored
        assert "appliance-review-" in stored
        find("save").click()
        wait(lambda: list(downloads.glob("*.json")))
        severe = [one for one in browser.get_log("browser") if one["level"] == "SEVERE"]
        assert not severe

    [file] = downloads.glob("*.json")
    assert b"spans" not in file.read_bytes()
    report = take_decisions(root, "first", file)
    assert report.decided == 1
    assert (report.accepted, report.rejected, report.added) == (1, 1, 1)
    assert 0 < report.hours < 0.1
