"""Fine-tuning: a corpus and a base model become a LoRA adapter.

Comes in: `SITE/corpora/NAME/*.parquet`, a base model's directory, settings, a worker of Ray Train
or of this process.
Goes out: `SITE/adapters/NAME` with its card, and figures per epoch.
Never here: Ray, a real note, a text in a figure or an error, an adapter without its head.
"""
