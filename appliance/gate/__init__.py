"""The door: every text that is to leave is read here, and leaves only with a stamp.

Comes in: drafts and other outgoing texts; the policy `phi.toml`; the site's patient index.
Goes out: a `Verdict` on each text, and for a clean draft a `ClearedPrompt` that its sender checks.
Never here: a way around it, a network, a download, the text itself in an error, a log or a repr.

The path of a text: `normalisation` (one plain reading, with offsets back to the input),
`unwrapping` (further readings, where something is encoded), `legibility` (can it be read at all?),
detectors behind one Protocol, cheap ones first (`patients` and `overlap`, then `presidio` and
`tagger`, which see only what `skimming` leaves them), `knowledge` (which alarms does a named
medical rule lift?), `ruling` (pure), `clearance` (stamp) or `denials` (ledger).
"""
