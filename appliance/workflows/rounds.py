"""Label sheets as the rounds of a site drew from them: with their own mix, and with a report's."""

from dataclasses import replace

from appliance.artifacts.manifest import list_finished
from appliance.errors import ManifestMismatch
from appliance.records.tasks import DraftMix, LabelSheet, Vocabulary
from appliance.settings.site import SitePaths
from appliance.settings.tasks import load_task
from appliance.synthesis.curation.corpus import read_card


def sheets_of(paths: SitePaths, task: str) -> list[tuple[LabelSheet, Vocabulary]]:
    """The task's sheet, and the same with every other mix of a finished corpus of the task.

    Raises:
        BadInput: See `load_task`.
    """
    sheet, vocabulary = load_task(paths.labels, task)
    mixes = {sheet.mix}
    for directory in list_finished(paths.corpora):
        try:
            card = read_card(directory)
        except ManifestMismatch:
            continue
        if card.task == task and card.mix:
            mixes.add(DraftMix(**card.mix))
    others = sorted(mixes - {sheet.mix}, key=repr)
    return [(replace(sheet, mix=mix), vocabulary) for mix in (sheet.mix, *others)]
