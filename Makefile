# make demo: data, gate, detector, verdicts and figures on two CPU cores, in about 8 minutes.
# make test: the test suite. Both need only Python 3.10+ and make.
# make reference: the models of configs/reference/ from nothing, on a GPU where there is one;
#   resumable at any point. KEYS="SOLVER.MAX_ITER 20000" and the like go over the config.
PYTHON ?= python3
BIN := .venv/bin
DEMO := runs/demo
CONFIG := configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml
OPTS := OUTPUT_DIR $(DEMO)/detector GATE.OUTPUT_DIR $(DEMO)/gate
GATE := $(DEMO)/gate/model_best.pth
export DETECTRON2_DATASETS := $(DEMO)/datasets

REFERENCE := runs/reference
reference: CONFIG := configs/reference/mask_rcnn_R_50_half_FPN.yaml
reference: OPTS := OUTPUT_DIR $(REFERENCE)/detector GATE.OUTPUT_DIR $(REFERENCE)/gate $(KEYS)
reference: GATE := $(REFERENCE)/weights/gate.pth
reference: DETECTOR := $(REFERENCE)/weights/detector.pth
reference: export DETECTRON2_DATASETS := $(REFERENCE)/datasets

.PHONY: demo test lint reference clean

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

reference: .venv/installed
	$(BIN)/python datasets/prepare_scratch_synth.py --count 40000 --bad-fraction 0.5 --seed 0 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/train
	$(BIN)/python datasets/prepare_scratch_synth.py --count 2000 --bad-fraction 0.2 --seed 1 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/val
	$(BIN)/python datasets/prepare_scratch_synth.py --count 2000 --bad-fraction 0.2 --seed 2 \
	  --out $(DETECTRON2_DATASETS)/scratch_synth/test
	$(BIN)/python tools/train_gate.py --resume --config-file $(CONFIG) $(OPTS)
	$(BIN)/python tools/train_net.py --resume --config-file $(CONFIG) $(OPTS) DATASETS.TEST '()' \
	  MODEL.WEIGHTS $(REFERENCE)/gate/model_best.pth
	$(BIN)/python tools/convert_weights.py $(REFERENCE)/gate/model_best.pth $(GATE) --to release
	$(BIN)/python tools/convert_weights.py $(REFERENCE)/detector/model_final.pth $(DETECTOR) \
	  --to release
	$(BIN)/python tools/calibrate.py --config-file $(CONFIG) $(OPTS) MODEL.WEIGHTS $(DETECTOR) \
	  GATE.WEIGHTS $(GATE)
	$(BIN)/python tools/train_net.py --config-file $(CONFIG) --eval-only $(OPTS) \
	  DATASETS.TEST "('scratch_synth_test',)" MODEL.WEIGHTS $(DETECTOR) GATE.WEIGHTS $(GATE)

clean:
	rm -rf .venv runs build dist *.egg-info
