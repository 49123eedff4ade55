"""Saves tiny random models by transformers itself, with its logits: save.py CASES.json, a list of {folder, class, fields}.

In every folder: what save_pretrained writes, and logits.f32 of the tokens of tokens.json. Prints one JSON line a case:
{"folder": ..., "error": null or why there is none}.
"""

import json
import sys
from pathlib import Path

import torch
import transformers

torch.set_num_threads(1)


def randomized(model: torch.nn.Module) -> None:
    """Weights of the size that keeps activations alive, gains and biases away from 1 and 0."""
    generator = torch.Generator().manual_seed(1)
    for name, values in sorted(model.state_dict().items()):
        if not values.is_floating_point():
            continue
        draw = 2 * torch.rand(values.shape, generator=generator) - 1
        centre = 0.0
        if values.ndim < 2:
            # Gains keep their own centre: 1, or 0 where they are stored less 1.
            centre = values.double().mean().item() if values.numel() else 0.0
            width = 0.3
        else:
            width = 2.5 / values.shape[-1] ** 0.5
        values.copy_(centre + width * draw)


def save(case: dict, tokens: list[int]) -> str | None:
    kind = getattr(transformers, case["class"], None)
    if kind is None:
        return f"transformers {transformers.__version__} has no {case['class']}"
    fields = {key: value for key, value in case["fields"].items() if key != "architectures"}
    config = kind.config_class(**fields, attn_implementation="eager")
    torch.manual_seed(1)
    model = kind(config).eval().float()
    with torch.no_grad():
        randomized(model)
        model.tie_weights()
        output = model(torch.tensor([tokens]), use_cache=False)
    folder = Path(case["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    values = output.logits if hasattr(output, "logits") else output.last_hidden_state
    (folder / "logits.f32").write_bytes(values[0].float().numpy().tobytes())
    return None


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    for case in task["cases"]:
        try:
            error = save(case, task["tokens"])
        except Exception as caught:  # noqa: BLE001: one class that does not work must not hide the others
            error = f"{type(caught).__name__}: {caught}".splitlines()[0]
        print(json.dumps({"folder": case["folder"], "error": error}), flush=True)


main()
