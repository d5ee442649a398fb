"""What arithmetic and memory layout are worth on a step of a residual network, and whether the probe knows.

The probe that every run uses picks one. Then its candidates are timed in turn (A B C A B C ...) over more
rounds than the probe takes: whole steps of the engine, with optimizer and augmentation.

    python bench/speed/precision.py [--rounds 15] [--batch 64] [--side 32]
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from gradus.engine.devices import environment, pick_device
from gradus.engine.plan import Plan
from gradus.engine.probes import Scratch, settle
from gradus.jobs import find
from gradus.jobs.image_classification.data import DataConfig
from gradus.models.resnet import ResnetConfig

LAYOUTS = {
    "fp32": ("fp32", False),
    "fp32, channels last": ("fp32", True),
    "bf16, channels last": ("bf16", True),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--side", type=int, default=32)
    options.add_argument("--out", type=Path, help="write the record to this file")
    asked = options.parse_args()
    job, device = find("image_classification"), pick_device("cpu")
    config = job.recipes["smoke"]().config
    config = replace(
        config,
        data=DataConfig(source="quarters", side=asked.side),
        model=ResnetConfig(depth=18),
        train=replace(config.train, batch=asked.batch, precision="auto"),
    )
    plan = Plan()
    settle(job, config, plan, device=device)
    picked = next(
        name
        for name, layout in LAYOUTS.items()
        if layout == tuple(plan.decisions[key]["value"] for key in ("precision", "channels_last"))
    )
    scratches = {name: Scratch(job, config, device, plan_of(*layout)) for name, layout in LAYOUTS.items()}
    for scratch in scratches.values():
        scratch.seconds()
    rounds = [[scratch.seconds() for scratch in scratches.values()] for _ in range(asked.rounds)]
    medians = {
        name: 1e3 * statistics.median(column)
        for name, column in zip(scratches, zip(*rounds, strict=True), strict=True)
    }
    for name, median in medians.items():
        mark = "  <- the probe's choice" if name == picked else ""
        print(f"{name:20s} {median:7.1f} ms a step, {medians['fp32'] / median:.2f} times fp32's speed{mark}")
    if asked.out:
        settings = {"model": "resnet18", "batch": asked.batch, "side": asked.side, "rounds": asked.rounds}
        record = {"milliseconds_a_step": medians, "probe": picked, **settings, **environment()}
        asked.out.write_text(json.dumps(record, indent=2) + "\n")


def plan_of(precision: str, channels_last: bool) -> Plan:
    plan = Plan()
    plan.decide("precision", precision, "given")
    plan.decide("channels_last", channels_last, "given")
    return plan


if __name__ == "__main__":
    main()
