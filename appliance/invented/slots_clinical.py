"""Slots about the illness: mentions, lists of them, drugs, rows of findings, numbers."""

from collections.abc import Callable
from typing import Final

from appliance.invented import material
from appliance.invented.grammar import parse
from appliance.invented.manuscript import Piece
from appliance.invented.writer import SlotFunction, Writer, arguments, capitalised

# How often a style prefers the short form of the main illness's name.
_SHORT_SHARE: Final = {"terse": 0.65, "dictated": 0.3, "formal": 0.35, "letter": 0.2}
_ROW_COLUMNS: Final = {
    "img": ("study", "findings", "impression"),
    "op": ("procedure", "course", "findings"),
    "path": ("specimen", "micro", "diagnosis"),
}
_SHORT_LIST: Final = 2


def main_illness(writer: Writer, argument: str) -> None:
    """`{dx}`: the main illness under one of its names."""
    del argument
    forms = "short" if writer.rng.random() < _SHORT_SHARE[writer.scene.style] else "forms"
    writer.write_mention(writer.rng.choice(writer.scene.story.material[forms]))


def capital(slot: SlotFunction) -> SlotFunction:
    """The same slot at the start of a sentence."""

    def write(writer: Writer, argument: str) -> None:
        start = len(writer.manuscript.pieces)
        slot(writer, argument)
        pieces = writer.manuscript.pieces
        if len(pieces) > start:
            pieces[start] = Piece(capitalised(pieces[start].text), pieces[start].kind)

    return write


def comorbidities(writer: Writer, argument: str) -> None:
    """`{pmh}`: what else the patient has; `:short` names two."""
    own = list(writer.scene.story.comorbidities)
    writer.rng.shuffle(own)
    if argument == "short":
        writer.write_all([_bare(item) for item in own[:_SHORT_LIST]], "inline")
        return
    _, form = arguments(argument, len(own), "inline")
    writer.write_all(own, form)


def comorbidity(writer: Writer, argument: str) -> None:
    """`{comorbidity}`: one of them, without its remark."""
    del argument
    writer.write(_bare(writer.rng.choice(writer.scene.story.comorbidities)))


def illness_list(writer: Writer, argument: str) -> None:
    """`{dxlist}`: the main illness first, then the others."""
    _, form = arguments(argument, 0, "num")
    writer.write_all(["{Dx}", *writer.scene.story.comorbidities[:4]], form)


def medicines(writer: Writer, argument: str) -> None:
    """`{meds}`: drugs for the main illness and some from home."""
    _, form = arguments(argument, 0, "semi")
    home = writer.draw("home_drugs", writer.rng.randrange(1, 4))
    writer.write_all([*writer.draw("drugs", writer.rng.randrange(2, 4)), *home], form)


def medicine(writer: Writer, argument: str) -> None:
    """`{drug}`: one drug for the main illness."""
    del argument
    writer.write(writer.draw("drugs", 1)[0])


def symptom(writer: Writer, argument: str) -> None:
    """`{sx}`: a complaint that goes with the main illness."""
    del argument
    writer.write(writer.draw("sx", 1)[0])


def differential(writer: Writer, argument: str) -> None:
    """`{differential}`: an illness of somebody else that was thought of."""
    del argument
    names = material.read("differentials.toml")["names"]
    (place,) = writer.decks.draw("differentials", len(names), 1, writer.rng)
    writer.write(f"[{names[place]}]")


def nurse_lines(writer: Writer, argument: str) -> None:
    """`{nurse_lines}`: charted about the main illness."""
    count, form = arguments(argument, 1, "prose")
    writer.write_all(writer.draw("nurse", count), form)


def plan(writer: Writer, argument: str) -> None:
    """`{plan}`: what happens next."""
    count, form = arguments(argument, 3, "prose")
    writer.write_all(writer.draw("plan", count), form)


def row_cell(name: str, column: int) -> SlotFunction:
    """`{img:study}` and its like: one cell of the note's one row of a table."""

    def write(writer: Writer, argument: str) -> None:
        wanted = _ROW_COLUMNS[name].index(argument) if argument else column
        writer.write(writer.row(name)[wanted])

    return write


def whole_number(writer: Writer, argument: str) -> None:
    """`{n:3-7}`."""
    low, high = argument.split("-")
    writer.manuscript.add(str(writer.rng.randint(int(low), int(high))))


def decimal(writer: Writer, argument: str) -> None:
    """`{f:1.4-2.1}`, one place."""
    low, high = argument.split("-")
    writer.manuscript.add(f"{writer.rng.uniform(float(low), float(high)):.1f}")


def word(choose: Callable[[Writer], str]) -> SlotFunction:
    """A slot of one plain word."""

    def write(writer: Writer, argument: str) -> None:
        del argument
        writer.manuscript.add(choose(writer))

    return write


def _bare(template: str) -> str:
    """A comorbidity up to the end of its mention."""
    assert len(parse(template)) > 0
    return template[: template.index("]") + 1]


SLOTS: Final[dict[str, SlotFunction]] = {
    "dx": main_illness,
    "Dx": capital(main_illness),
    "pmh": comorbidities,
    "comorbidity": comorbidity,
    "Comorbidity": capital(comorbidity),
    "dxlist": illness_list,
    "meds": medicines,
    "drug": medicine,
    "sx": symptom,
    "differential": differential,
    "nurse_lines": nurse_lines,
    "plan": plan,
    "img": row_cell("img", 0),
    "img_study": row_cell("img", 0),
    "op": row_cell("op", 0),
    "path": row_cell("path", 0),
    "n": whole_number,
    "f": decimal,
    "weekday": word(
        lambda writer: writer.rng.choice(
            ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        )
    ),
    "time": word(
        lambda writer: (
            f"{writer.rng.randrange(24):02d}{writer.rng.choice(':.')}{writer.rng.randrange(60):02d}"
        )
    ),
}
