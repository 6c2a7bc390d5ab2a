"""Numbers of Detectron2, kept so that machines without it can hold the embedded engine to them.

Made by `python -m tests.engines.golden` where Detectron2 is installed; writes golden/*.json.
"""

import json
from pathlib import Path

import torch

from tests.engines.parity import (
    TAKE_ALL,
    VARIANTS,
    batch,
    both_configs,
    both_models,
    d2_losses,
    image,
    tensor,
)

FOLDER = Path(__file__).parent / "golden"
PHOTOS = ((90, 150), (201, 117))
GROUPS = {
    **{f"res{stage}": f"backbone.bottom_up.res{stage}." for stage in (2, 3, 4, 5)},
    "stem": "backbone.bottom_up.stem.",
    "fpn": "backbone.fpn_",
    "rpn": "proposal_generator.",
    "box head": "roi_heads.box_",
    "mask head": "roi_heads.mask_head.",
}


def path_of(variant: int) -> Path:
    return FOLDER / f"variant{variant}.json"


def gradient_norms(model: torch.nn.Module) -> dict[str, float]:
    """The 2-norm of the gradient over each part of the network that is trained."""
    norms = {}
    for group, prefix in GROUPS.items():
        named = [p for name, p in model.named_parameters() if name.startswith(prefix)]
        gradients = [p.grad.flatten() for p in named if p.grad is not None]
        if gradients:
            norms[group] = torch.cat(gradients).norm().item()
    return norms


def statistics(features: dict[str, torch.Tensor]) -> dict[str, list[float]]:
    """Mean and standard deviation of each level of the pyramid."""
    return {name: [v.mean().item(), v.std().item()] for name, v in features.items()}


def features_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The pyramid of one photograph, padded to multiples of 32."""
    padded = torch.zeros(1, 3, 96, 160)
    padded[0, :, :90, :150] = tensor(image(90, 150)) / 64 - 2
    with torch.inference_mode():
        return model.eval().backbone(padded)


def of_detectron2(variant: int) -> dict:
    """What Detectron2 computes for a variant of the tiny config."""
    from scratch_d2.engines.d2.detector import D2Detector

    opts = VARIANTS[variant]
    _, ours, model = both_models(opts)
    content = {"variant": opts, "features": statistics(features_of(model))}
    torch.save({"model": ours.state_dict()}, FOLDER / "weights.pth")
    found = D2Detector(both_configs(opts=opts)[1], FOLDER / "weights.pth")
    (FOLDER / "weights.pth").unlink()
    content["detections"] = [
        {
            "boxes": prediction.boxes.tolist(),
            "scores": prediction.scores.tolist(),
            "masks": [mask["counts"] for mask in prediction.masks],
        }
        for prediction in (found([image(*size)])[0] for size in PHOTOS)
    ]
    model = both_models([*opts, *TAKE_ALL])[2].train()
    losses = d2_losses(model, *batch())
    sum(losses.values()).backward()
    content["losses"] = {name: loss.item() for name, loss in losses.items()}
    content["gradient norms"] = gradient_norms(model)
    return content


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for variant in range(len(VARIANTS)):
        content = of_detectron2(variant)
        lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
        path_of(variant).write_text("{" + ",\n".join(lines) + "}\n")
        print(path_of(variant))


if __name__ == "__main__":
    main()
