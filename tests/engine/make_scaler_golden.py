#!/usr/bin/env python3
"""Writes scaler_golden.json: what Python's torch.amp.GradScaler does, on the CPU.

    make_scaler_golden.py     needs torch, of the version that torchbolt is built on

One weight, plain SGD. Each step names the gradient of the loss; "inf" and "nan" are
those numbers. Kept are the scale, the growth tracker and the weight after each
step, and the state at the end.
"""

import json
import pathlib

import torch

CASES = {
    "defaults": ({}, [0.5, -0.25, 1e-6, 3.0]),
    "backs_off": ({}, ["inf", "inf", 0.5, "nan", 0.25]),
    "grows": ({"init_scale": 4.0, "growth_interval": 2}, [1.0] * 7),
    "grows_after_a_new_start": (
        {"init_scale": 8.0, "growth_interval": 3}, [1.0, 1.0, "inf", 1.0, 1.0, 1.0, 1.0]),
    "other_factors": (
        {"init_scale": 10.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 1},
        [0.1, "nan", 0.1, "inf", "inf", 0.1]),
    "overflows_by_its_scale": ({"init_scale": 2.0 ** 120}, [512.0, 512.0, 1.0, 512.0]),
    "does_not_grow_to_infinity": ({"init_scale": 2.0 ** 127, "growth_interval": 1}, [0.5, 0.5]),
    "off": ({"enabled": False}, [0.5, "inf", 0.5]),
}


def number(value):
    value = float(value)
    return value if value == value and abs(value) != float("inf") else str(value)


def run(options, gradients):
    weight = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", **options)
    steps = []
    for gradient in gradients:
        optimizer.zero_grad()
        scaler.scale((weight * float(gradient)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        steps.append({"gradient": gradient, "scale": number(scaler.get_scale()),
                      "tracker": scaler._get_growth_tracker(), "weight": number(weight.detach())})
    return {"options": options, "steps": steps, "state": scaler.state_dict()}


def main():
    cases = {name: run(*case) for name, case in CASES.items()}
    target = pathlib.Path(__file__).with_name("scaler_golden.json")
    target.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
