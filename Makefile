# make demo: data, gate, detector, verdicts and figures on two CPU cores, in about 8 minutes.
# make test: the test suite. Both need only Python 3.10+ and make.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
CONFIG := configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml
OPTS := OUTPUT_DIR $(DEMO)/detector GATE.OUTPUT_DIR $(DEMO)/gate
GATE := $(DEMO)/gate/model_best.pth
export DETECTRON2_DATASETS := $(DEMO)/datasets

.PHONY: demo test lint clean

.venv/installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; name one with make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch torchvision
	$(BIN)/python -m pip install --quiet --editable '.[headless,report,dev]'
	@touch $@

test: .venv/installed lint
	$(BIN)/python -m pytest -q

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/python datasets/prepare_scratch_synth.py --count 1400 --bad-fraction 0.5 --workers 2
	$(BIN)/python datasets/prepare_scratch_synth.py --count 60 --bad-fraction 0.5 --seed 1 \
	  --out $(DEMO)/new
	$(BIN)/python tools/train_gate.py --config-file $(CONFIG) $(OPTS)
	$(BIN)/python tools/train_net.py --config-file $(CONFIG) $(OPTS) DATASETS.TEST '()'
	$(BIN)/python tools/calibrate.py --config-file $(CONFIG) $(OPTS) GATE.WEIGHTS $(GATE)
	$(BIN)/python tools/train_net.py --config-file $(CONFIG) --eval-only $(OPTS) \
	  DATASETS.TEST "('scratch_synth_test',)" GATE.WEIGHTS $(GATE)
	$(BIN)/python tools/predict.py --config-file $(CONFIG) --input $(DEMO)/new \
	  --output $(DEMO)/results --save overlays,masks,all $(OPTS) GATE.WEIGHTS $(GATE)
	@echo
	@echo "overlays:  $(DEMO)/results/overlays"
	@echo "verdicts:  $(DEMO)/results/results.csv and results.jsonl"
	@echo "summary:   $(DEMO)/results/summary.json"
	@echo "figures:   $(DEMO)/detector/inference: evaluation.json, roc.png, confusion.png"
	@echo "report:    $(DEMO)/detector/inference/report.html, to be opened in a browser"

clean:
	rm -rf .venv runs build dist *.egg-info
