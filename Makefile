# make demo: inspects the labels in datasets/examples with the models in weights/, evaluates, and
#   writes the report. Both this and make test need only Python 3.10+ and make.
# make test: the test suite without what takes long; TESTS= runs all of it, TESTS="-k gate" a part.
# make demo-train: data, gate, detector, verdicts and figures on two CPU cores, in about 8 minutes.
# make reference: the models of configs/reference/ from nothing, on a GPU where there is one;
#   resumable at any point. KEYS="SOLVER.MAX_ITER 20000" and the like go over the config.
# make fine-tune DATA=/data/labels: trains the models in weights/ on with a folder of one's own,
#   chooses thresholds and evaluates; resumable, so another folder wants another RUN=folder. KEYS as
#   above.
# make pictures: draws docs/pictures/ anew, in 10 minutes; needs Chromium.
# make docs: the site of the documents in build/site; a dead link fails.
PYTHON ?= python3
BIN := .venv/bin
KEYS ?=
TESTS ?= -m 'not slow and not detectron2'

DEMO := runs/demo
EXAMPLES := datasets/examples

DEMO_TRAIN := runs/demo_train
demo-train: CONFIG := configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml
demo-train: OPTS := OUTPUT_DIR $(DEMO_TRAIN)/detector GATE.OUTPUT_DIR $(DEMO_TRAIN)/gate
demo-train: GATE := $(DEMO_TRAIN)/gate/model_best.pth
demo-train: export DETECTRON2_DATASETS := $(DEMO_TRAIN)/datasets

REFERENCE := runs/reference
reference: CONFIG := configs/reference/mask_rcnn_R_50_half_FPN.yaml
reference: OPTS := OUTPUT_DIR $(REFERENCE)/detector GATE.OUTPUT_DIR $(REFERENCE)/gate $(KEYS)
reference: GATE := $(REFERENCE)/weights/gate.pth
reference: DETECTOR := $(REFERENCE)/weights/detector.pth
reference: export DETECTRON2_DATASETS := $(REFERENCE)/datasets

RUN ?= runs/fine_tuned

.PHONY: demo demo-train test lint docs pictures reference fine-tune clean

.venv/installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[headless,report,dev,docs]'
	@touch $@

test: .venv/installed lint
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(TESTS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python .ci/prose.py

docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "build/site/index.html; to look at it: $(BIN)/mkdocs serve"

pictures: .venv/installed
	$(BIN)/python docs/making/pipeline.py
	$(BIN)/python docs/making/overlays.py
	$(BIN)/python docs/making/screenshots.py
	$(BIN)/python benchmarks/fine_tuning.py --output runs/fine_tuning
	$(BIN)/python docs/making/before_after.py runs/fine_tuning

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/scratch-d2 predict --input $(EXAMPLES)/good $(EXAMPLES)/bad --output $(DEMO)/results \
	  --save overlays,masks,all
	$(BIN)/scratch-d2 evaluate --dataset $(EXAMPLES) --results $(DEMO)/results \
	  --output $(DEMO)/evaluation
	@echo
	@echo "overlays:  $(DEMO)/results/overlays"
	@echo "verdicts:  $(DEMO)/results/results.csv and results.jsonl"
	@echo "summary:   $(DEMO)/results/summary.json"
	@echo "figures:   $(DEMO)/evaluation: evaluation.json, roc.png, confusion.png"
	@echo "report:    $(DEMO)/evaluation/report.html, to be opened in a browser"

demo-train: .venv/installed
	rm -rf $(DEMO_TRAIN)
	$(BIN)/scratch-d2 render --count 1400 --bad-fraction 0.5 --workers 2
	$(BIN)/scratch-d2 render --count 60 --bad-fraction 0.5 --seed 1 \
	  --out $(DEMO_TRAIN)/new
	$(BIN)/scratch-d2 train-gate --config-file $(CONFIG) $(OPTS)
	$(BIN)/scratch-d2 train-detector --config-file $(CONFIG) $(OPTS) DATASETS.TEST '()'
	$(BIN)/scratch-d2 calibrate --config-file $(CONFIG) $(OPTS) GATE.WEIGHTS $(GATE)
	$(BIN)/scratch-d2 train-detector --config-file $(CONFIG) --eval-only $(OPTS) \
	  DATASETS.TEST "('scratch_synth_test',)" GATE.WEIGHTS $(GATE)
	$(BIN)/scratch-d2 predict --config-file $(CONFIG) --input $(DEMO_TRAIN)/new \
	  --output $(DEMO_TRAIN)/results --save overlays,masks,all $(OPTS) GATE.WEIGHTS $(GATE)
	@echo
	@echo "verdicts, overlays:  $(DEMO_TRAIN)/results"
	@echo "figures, report:     $(DEMO_TRAIN)/detector/inference"

reference: .venv/installed
	$(BIN)/scratch-d2 render --count 40000 --bad-fraction 0.5 --seed 0 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/train
	$(BIN)/scratch-d2 render --count 2000 --bad-fraction 0.2 --seed 1 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/val
	$(BIN)/scratch-d2 render --count 2000 --bad-fraction 0.2 --seed 2 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/test
	$(BIN)/scratch-d2 train-gate --resume --config-file $(CONFIG) $(OPTS)
	$(BIN)/scratch-d2 train-detector --resume --config-file $(CONFIG) $(OPTS) DATASETS.TEST '()' \
	  MODEL.WEIGHTS $(REFERENCE)/gate/model_best.pth
	$(BIN)/scratch-d2 convert $(REFERENCE)/gate/model_best.pth $(GATE) --to release
	$(BIN)/scratch-d2 convert $(REFERENCE)/detector/model_final.pth $(DETECTOR) \
	  --to release
	$(BIN)/scratch-d2 calibrate --config-file $(CONFIG) $(OPTS) MODEL.WEIGHTS $(DETECTOR) \
	  GATE.WEIGHTS $(GATE)
	$(BIN)/scratch-d2 train-detector --config-file $(CONFIG) --eval-only $(OPTS) \
	  DATASETS.TEST "('scratch_synth_test',)" MODEL.WEIGHTS $(DETECTOR) GATE.WEIGHTS $(GATE)

fine-tune: .venv/installed
	@test -n "$(DATA)" || { echo "name a folder with good/, bad/ and masks/: DATA=/data/labels"; exit 2; }
	$(BIN)/scratch-d2 fine-tune "$(DATA)" --output "$(RUN)" $(KEYS)

clean:
	rm -rf .venv runs build dist *.egg-info
