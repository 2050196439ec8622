"""`appliance synthesize`."""

from pathlib import Path

import click

from appliance.cli import render
from appliance.cli.options import PathType, dry_run_option, json_option, route_option, site_option


@click.command()
@site_option
@click.option("--task", required=True, help="Name of the label sheet.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="Examples wanted.")
@click.option("--out", required=True, help="Name of the corpus to write.")
@route_option
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Most that the corpus may cost at a provider, over all its runs.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the stream of prompts.")
@click.option(
    "--mix-from",
    type=PathType(dir_okay=False),
    metavar="REPORT",
    help="What `corpus report --reference FILE --json` printed: its mix in place of the sheet's.",
)
@dry_run_option
@json_option
def synthesize(
    site: Path,
    task: str,
    count: int,
    out: str,
    route: str,
    budget: float | None,
    seed: int,
    mix_from: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Let a model invent COUNT labelled sentences for a task.

    Every prompt passes the gate before it is sent. Run the same command again after an
    interruption: it goes on where it was. Another round is another corpus: with --seed it has other
    prompts, and with --mix-from the shares that a report on the last one asks for.

    Example: appliance synthesize --task disease --count 600 --out first
    """
    from appliance.workflows.orders import Order, plan
    from appliance.workflows.synthesize import synthesize as make

    order = Order(task, count, out, route, seed, budget, mix_from)
    if dry_run:
        planned = plan(site, order)
        if as_json:
            render.emit_json(planned)
            return
        rows = [
            ("route", planned.route.value),
            ("model", planned.model),
            ("prompts", planned.drafts),
            ("prompt tokens, about", planned.prompt_tokens),
            ("answer tokens, about", planned.completion_tokens),
            ("assumed yield", f"{planned.assumed_yield:.0%}"),
            ("cost, about, USD", f"{planned.usd:.4f}"),
            ("cost, at most, USD", f"{planned.budget_usd:.4f}"),
            ("time, about, minutes", f"{planned.seconds / 60:.1f}"),
        ]
        render.emit_table(f"Would write corpus {out}", ("what", "value"), rows)
        if planned.usd > planned.budget_usd:
            render.say("The budget would not be enough: the run would end before its last example.")
        if planned.is_there:
            render.say(f"Corpus {out} is there already: nothing would be sent.")
        return
    done = make(site, order, render.Bars())
    if done.denied_for:
        from appliance.workflows.sheet_denials import tell_denied

        render.complain(tell_denied(done.denied_for))
    if as_json:
        render.emit_json(done)
        return
    card = done.card
    rows = [
        ("written examples", card.accepted),
        *(
            (f"  {kind}", f"{card.kinds.get(kind, 0)} ({share:.0%} asked for)")
            for kind, share in card.asked.items()
        ),
        ("varied copies", card.varied),
        ("composed texts", card.composed),
        *((f"  {name}", number) for name, number in card.splits.items()),
        ("without an entity", card.without_entity),
        *((f"spans: {label}", number) for label, number in card.entities.items()),
        *((f"pairs: {label}", number) for label, number in card.relations.items()),
        ("answers", card.completions),
        *((f"  dropped: {reason}", number) for reason, number in card.dropped.items()),
        ("drafts denied by the gate", card.denied),
    ]
    render.emit_table(f"Corpus {card.name}", ("what", "count"), rows)
