"""Labels that who never saw them holds for wrong teach nothing; nothing else is left out."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import BadInput
from appliance.learning.tokens.bio import tag_words
from appliance.learning.tokens.encoding import split_words
from appliance.learning.tuning.data import LabelledText
from appliance.learning.tuning.doubting import (
    check_doubting,
    doubt_labels,
    find_errors,
    leave_out_errors,
    relabel,
)
from appliance.learning.tuning.recipe import Recipe
from appliance.records.spans import Span

TYPES = ("Disease",)


class WordTable:
    """The smallest learner there is: how often each word had each label where it was trained."""

    def __init__(self, examples):
        self.seen = {one.text for one in examples}
        self.counts = Counter()
        for one in examples:
            words = split_words(one.text)
            for (start, end), tag in zip(words, tag_words(words, one.spans, TYPES), strict=True):
                self.counts[one.text[start:end], int(tag)] += 1

    def weigh(self, texts):
        return [
            np.array([self._weigh(text[start:end]) for start, end in split_words(text)], np.float32)
            for text in texts
        ]

    def _weigh(self, word):
        counts = np.array([self.counts[word, tag] for tag in range(3)], float)
        return counts / counts.sum() if counts.sum() else np.array([1.0, 0.0, 0.0])


class Learning:
    """Makes word tables, and remembers who judged what."""

    def __init__(self):
        self.judges = []

    def __call__(self, examples, _seed):
        table = WordTable(examples)
        weigh = table.weigh

        def watched(texts):
            self.judges.append((table.seen, set(texts)))
            return weigh(texts)

        table.weigh = watched
        return table


def about(name, number, *, marked=True):
    """A text of its own about a name, which is marked, or was missed."""
    text = f"Case {number} has {name} today."
    start = text.index(name)
    return LabelledText(text, (Span(start, start + len(name), "Disease"),) if marked else ())


def words_left_out(example):
    return [example.text[start:end] for start, end in example.unsure]


def test_a_name_that_was_missed_once_is_left_out_and_nothing_else():
    """Of ten texts about asthma one has no mark: its word is neither a disease nor none."""
    examples = [about("asthma", number) for number in range(9)] + [about("asthma", 9, marked=False)]

    found = leave_out_errors(examples, TYPES, Learning(), 5, 0)

    assert [one.text for one in found] == [one.text for one in examples]
    assert [one.spans for one in found] == [one.spans for one in examples]
    assert words_left_out(found[-1]) == ["asthma"]
    assert not any(one.unsure for one in found[:-1])


def test_a_mark_on_other_words_is_left_out():
    """One word is a disease once and nothing nine times."""
    examples = [about("asthma", number) for number in range(10)]
    text = examples[3].text
    start = text.index("today")
    examples[3] = LabelledText(text, (*examples[3].spans, Span(start, start + 5, "Disease")))

    found = leave_out_errors(examples, TYPES, Learning(), 5, 0)

    assert [words_left_out(one) for one in found if one.unsure] == [["today"]]


@given(st.integers(2, 6), st.integers(6, 12), st.integers(0, 5))
def test_no_label_is_judged_by_who_saw_it(parts, count, seed):
    """Each text is judged once, by a learner of all other parts."""
    examples = [about("asthma", number) for number in range(count)]
    learning = Learning()

    found = leave_out_errors(examples, TYPES, learning, parts, seed)

    judged = Counter(text for _, texts in learning.judges for text in texts)
    assert judged == Counter(one.text for one in examples)
    assert all(not seen & texts for seen, texts in learning.judges)
    assert not any(one.unsure for one in found)


@given(st.data())
def test_who_is_of_one_mind_with_the_labels_finds_no_error(data):
    """However unsure it is: the label given is the likeliest of each word."""
    tags = np.array(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=30)))
    weights = np.full((len(tags), 3), 0.1, np.float32)
    sure = data.draw(st.lists(st.floats(0.4, 1), min_size=len(tags), max_size=len(tags)))
    weights[np.arange(len(tags)), tags] = sure

    [wrong] = find_errors([weights], [tags])

    assert not wrong.any()


def test_what_is_likelier_than_usual_and_still_unlikely_is_no_error():
    """The rare label is at its usual 0.3 here; the one given is more than twice as likely."""
    weights = np.array([[0.65, 0.35, 0.0], [0.7, 0.3, 0.0], [0.99, 0.01, 0.0]], np.float32)

    [wrong] = find_errors([weights], [np.array([0, 1, 0])])

    assert wrong.tolist() == [False, False, False]


def test_a_label_that_nothing_bears_is_nowhere_the_right_one():
    """What was never given has no usual likelihood to be held against."""
    weights = np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05]], np.float32)

    [wrong] = find_errors([weights], [np.array([0, 0])])

    assert not wrong.any()


def test_more_parts_than_examples_are_refused():
    with pytest.raises(BadInput, match="2 example"):
        leave_out_errors([about("asthma", n) for n in range(2)], TYPES, Learning(), 3, 0)


def test_several_label_anew_what_most_of_them_say():
    """Two of three know asthma; the trust of curation stays with the text."""
    knowing = WordTable([about("asthma", 1)])
    text = LabelledText("She has asthma.", (), weight=0.4)

    [found] = relabel([text], TYPES, [knowing, knowing, WordTable([])])

    assert found.spans == (Span(8, 14, "Disease"),)
    assert found.weight == 0.4


def test_without_the_switches_nothing_is_trained():
    examples = [about("asthma", 1)]
    learning = Learning()

    assert doubt_labels(examples, TYPES, Recipe(), learning) == examples
    assert not learning.judges


def test_both_switches_train_parts_and_members():
    """Three parts, then two members, each on all texts."""
    examples = [about("asthma", number) for number in range(9)]
    learning = Learning()

    found = doubt_labels(examples, TYPES, Recipe(cross_fit=3, ensemble=2), learning)

    assert [one.spans for one in found] == [one.spans for one in examples]
    assert [len(seen) for seen, _ in learning.judges] == [6, 6, 6, 9, 9]


@pytest.mark.parametrize("switch", [{"cross_fit": 2}, {"ensemble": 2}])
@pytest.mark.parametrize(
    ("changes", "workers", "relations"),
    [({}, 2, False), ({"epsilon": 8.0}, 1, False), ({}, 1, True)],
)
def test_what_the_switches_do_not_go_with_is_refused(switch, changes, workers, relations):
    """Workers would wait for each other, privacy would be broken, pairs have no words."""
    with pytest.raises(BadInput, match="one worker"):
        check_doubting(Recipe(**switch, **changes), workers, relations=relations)
    check_doubting(Recipe(**changes), workers, relations=relations)


def test_who_has_never_seen_a_labels_names_can_not_doubt_them():
    """Else a corpus whose names come once each would teach that there are none."""
    tags = np.array([0, 0, 0, 1, 1, 1])
    weights = np.array([[0.9, 0.1]] * 3 + [[0.99, 0.01]] * 2 + [[0.4, 0.6]], np.float32)

    [wrong] = find_errors([weights], [tags])

    assert not wrong.any()
