"""Names of many origins are found by the whole gate, in any case, in plain clinical sentences."""

import pytest

from appliance.gate.opening import open_gate
from appliance.records.verdicts import Decision
from appliance.settings.clock import SystemClock
from appliance.settings.policies import shipped_policies
from tests.benchmarks.bench_gate import Keys
from tests.lib.memory_vault import EventList

NAMES = {
    "Vietnamese": "Nguyen Thi Bich Ngoc|Tran Quoc Bao|Le Hoang Phuc|Pham Minh Tuyet|Vo Dinh Khoa",
    "Chinese": "Zhang Xiaoling|Wei Junjie|Ouyang Meifeng|Chen Yongqiang|Liu Shuzhen|Xu Haoran",
    "Indian": "Venkatesh Raghavan|Sushmita Bhattacharjee|Harpreet Dhaliwal|Lakshmi Narasimhan",
    "Arabic": "Abdulrahman Al-Otaibi|Fatima Zahra Benjelloun|Khadija El Amrani|Yousef Abu Hamdan",
    "Nigerian": "Chukwuemeka Obiora|Oluwaseun Adebayo|Ngozi Nwachukwu|Babatunde Ogunleye",
    "Polish": "Grzegorz Brzezicki|Malgorzata Szymczyk|Zbigniew Przybylski|Krzysztof Wojtowicz",
    "Spanish": "Maria del Carmen Ruiz Ontiveros|Guadalupe Santillan-Villegas|Jose Luis Echeverria",
    "other": "Thandiwe Mokoena|Kwame Asante-Boateng|Siosaia Tuipulotu|Aroha Ngata|Ayse Yildirim",
}
FRAMES = [
    "{} was started on lisinopril for hypertension.",
    "The plan was discussed with {} and her daughter.",
    "What is the best treatment for {}, a 54-year-old with asthma?",
    "Labs reviewed. {} denies chest pain.",
]


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    index = tmp_path_factory.mktemp("gate") / "no.index"
    return open_gate(shipped_policies(), index, Keys(), SystemClock(), EventList())


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
@pytest.mark.parametrize("origin", NAMES)
def test_a_name_is_found_wherever_it_comes_from(gate, origin, case):
    """The finding overlaps the name itself."""
    texts = [(frame, name) for frame in FRAMES for name in NAMES[origin].split("|")]

    verdicts = gate.inspect_many([case(frame.format(name)) for frame, name in texts])

    for (frame, name), verdict in zip(texts, verdicts, strict=True):
        start = frame.index("{}")
        assert any(hit.start < start + len(name) and start < hit.end for hit in verdict.hits), name


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["as-written", "upper", "lower"])
def test_the_same_sentences_without_a_name_pass(gate, case):
    """So it was the name that denied them."""
    verdicts = gate.inspect_many([case(frame.format("the patient")) for frame in FRAMES])

    assert {verdict.decision for verdict in verdicts} == {Decision.ALLOW}
