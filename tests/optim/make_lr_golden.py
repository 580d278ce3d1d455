#!/usr/bin/env python3
"""Writes lr_golden.json: what Python's torch.optim.lr_scheduler does to an optimizer.

    make_lr_golden.py         needs torch, of the version that torchbolt is built on

Two hundred steps of each schedule at several settings. Kept are the rates before the
first step and after each (with the momentum where it is cycled), and the state after
step 100, as `state_dict()` has it. A number that repeats stands once, with a count.
A case says how to make its schedule, so that the C++ test makes the same.
"""

import json
import math
import pathlib
import warnings

import torch
from torch import optim
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

STEPS = 200
HALF = 100

# What a case names, since functions can't be written down.
LAMBDAS = {
    "power": lambda epoch: 0.97 ** epoch,
    "inverse": lambda epoch: 1 / (1 + epoch),
    "ramp": lambda epoch: min(1.0, (epoch + 1) / 30),
    "late": lambda epoch: 1.0 if epoch < 50 else 0.98,
}
SCALES = {"half": lambda x: 0.5 ** (x - 1), "decay": lambda x: 0.99 ** x}


def metric(step):
    """Gets better, then doesn't, and jumps about."""
    return 10 / (step + 1) + (step * 7919 % 101) / 101


def make_optimizer(spec):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], **g} for g in spec["groups"]]
    options = {k: v for k, v in spec.items() if k not in ("type", "groups")}
    return getattr(optim, spec["type"])(groups, **options)


def make_schedule(spec, optimizer):
    args = dict(spec["args"])
    if "schedulers" in args:
        parts = [make_schedule(s, optimizer) for s in args["schedulers"]]
        if spec["type"] == "ChainedScheduler":
            return lrs.ChainedScheduler(parts, optimizer)
        return lrs.SequentialLR(optimizer, parts, args["milestones"])
    if "lr_lambda" in args:
        names = args["lr_lambda"]
        args["lr_lambda"] = [LAMBDAS[n] for n in names] if isinstance(names, list) else LAMBDAS[names]
    if "scale_fn" in args:
        args["scale_fn"] = SCALES[args["scale_fn"]]
    cls = SWALR if spec["type"] == "SWALR" else getattr(lrs, spec["type"])
    return cls(optimizer, **args)


def plain(value):
    """A state as JSON."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def packed(values):
    out = []
    for v in values:
        if out and isinstance(out[-1], list) and out[-1][0] == v:
            out[-1][1] += 1
        elif out and out[-1] == v:
            out[-1] = [v, 2]
        else:
            out.append(v)
    return out


def momentum_of(group):
    return group["momentum"] if "momentum" in group else group["betas"][0]


def run(case):
    optimizer = make_optimizer(case["optimizer"])
    schedule = make_schedule(case["schedule"], optimizer)
    rates, momenta, state = [], [], None
    cycled = case["schedule"]["args"].get("cycle_momentum", case["schedule"]["type"] in ("CyclicLR", "OneCycleLR"))
    for step in range(STEPS + 1):
        if step > 0:
            if case["schedule"]["type"] == "ReduceLROnPlateau":
                schedule.step(metric(step))
            elif "step_by" in case:
                schedule.step(step * case["step_by"])
            else:
                schedule.step()
        rates.append([g["lr"] for g in optimizer.param_groups])
        if cycled:
            momenta.append([momentum_of(g) for g in optimizer.param_groups])
        if step == HALF:
            state = plain(schedule.state_dict())
    out = {**case, "lr": [packed(column) for column in zip(*rates)], "state": state}
    if cycled:
        out["momentum"] = [packed(column) for column in zip(*momenta)]
    return out


def cases():
    sgd = {"type": "SGD", "momentum": 0.9, "groups": [{"lr": 0.1}]}
    adam = {"type": "AdamW", "groups": [{"lr": 0.003}]}
    two = {"type": "SGD", "momentum": 0.9, "groups": [{"lr": 0.1}, {"lr": 0.03}]}
    resumed = {"type": "SGD", "momentum": 0.9, "groups": [{"lr": 0.05, "initial_lr": 0.1}]}

    def case(name, kind, args=None, optimizer=sgd, **more):
        return {"name": name, "optimizer": optimizer, "schedule": {"type": kind, "args": args or {}}, **more}

    def part(kind, **args):
        return {"type": kind, "args": args}

    yield case("step", "StepLR", {"step_size": 30}, two)
    yield case("step_gamma", "StepLR", {"step_size": 7, "gamma": 0.9}, adam)
    yield case("step_each", "StepLR", {"step_size": 1, "gamma": 0.97})
    yield case("step_resumed", "StepLR", {"step_size": 7, "gamma": 0.9, "last_epoch": 4}, resumed)
    yield case("multi", "MultiStepLR", {"milestones": [30, 80, 150]}, two)
    yield case("multi_twice", "MultiStepLR", {"milestones": [0, 10, 10, 11], "gamma": 0.5}, adam)
    yield case("multi_none", "MultiStepLR", {"milestones": [500], "gamma": 2.0})
    yield case("constant", "ConstantLR", {}, two)
    yield case("constant_half", "ConstantLR", {"factor": 0.5, "total_iters": 40}, adam)
    yield case("constant_one", "ConstantLR", {"factor": 0.25, "total_iters": 1})
    yield case("linear", "LinearLR", {}, two)
    yield case("linear_long", "LinearLR", {"start_factor": 0.01, "total_iters": 90}, adam)
    yield case("linear_down", "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 250})
    yield case("linear_resumed", "LinearLR", {"start_factor": 0.5, "total_iters": 30, "last_epoch": 4}, resumed)
    yield case("exponential", "ExponentialLR", {"gamma": 0.97}, two)
    yield case("exponential_fast", "ExponentialLR", {"gamma": 0.5}, adam)
    yield case("exponential_up", "ExponentialLR", {"gamma": 1.01})
    yield case("polynomial", "PolynomialLR", {}, two)
    yield case("polynomial_square", "PolynomialLR", {"total_iters": 180, "power": 2.0}, adam)
    yield case("polynomial_root", "PolynomialLR", {"total_iters": 300, "power": 0.5})
    yield case("polynomial_resumed", "PolynomialLR", {"total_iters": 90, "power": 1.5, "last_epoch": 9}, resumed)
    yield case("cosine", "CosineAnnealingLR", {"T_max": 200}, two)
    yield case("cosine_short", "CosineAnnealingLR", {"T_max": 17, "eta_min": 0.0003}, adam)
    yield case("cosine_one", "CosineAnnealingLR", {"T_max": 1, "eta_min": 0.01})
    yield case("cosine_resumed", "CosineAnnealingLR", {"T_max": 50, "last_epoch": 9}, resumed)
    yield case("restarts", "CosineAnnealingWarmRestarts", {"T_0": 30}, two)
    yield case("restarts_longer", "CosineAnnealingWarmRestarts", {"T_0": 10, "T_mult": 2, "eta_min": 1e-5}, adam)
    yield case("restarts_three", "CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3})
    yield case("restarts_between", "CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2}, sgd, step_by=0.125)
    yield case("lambda", "LambdaLR", {"lr_lambda": "power"})
    yield case("lambda_groups", "LambdaLR", {"lr_lambda": ["inverse", "ramp"]}, two)
    yield case("lambda_ramp", "LambdaLR", {"lr_lambda": "ramp"}, adam)
    yield case("multiplicative", "MultiplicativeLR", {"lr_lambda": "late"})
    yield case("multiplicative_groups", "MultiplicativeLR", {"lr_lambda": ["late", "ramp"]}, two)
    yield case("multiplicative_power", "MultiplicativeLR", {"lr_lambda": "power"}, adam)
    yield case("one_cycle", "OneCycleLR", {"max_lr": 0.1, "total_steps": 201})
    yield case("one_cycle_groups", "OneCycleLR", {"max_lr": [0.1, 0.02], "epochs": 20, "steps_per_epoch": 12, "anneal_strategy": "linear",
                                                 "base_momentum": [0.8, 0.7], "max_momentum": [0.9, 0.95]}, two)
    yield case("one_cycle_three", "OneCycleLR", {"max_lr": 0.01, "total_steps": 250, "pct_start": 0.4, "div_factor": 10.0, "final_div_factor": 100.0,
                                                "three_phase": True}, adam)
    yield case("one_cycle_still", "OneCycleLR", {"max_lr": 0.1, "total_steps": 220, "cycle_momentum": False})
    yield case("cyclic", "CyclicLR", {"base_lr": 0.001, "max_lr": 0.1, "step_size_up": 20})
    yield case("cyclic_halves", "CyclicLR", {"base_lr": [0.001, 0.002], "max_lr": [0.1, 0.05], "step_size_up": 15, "step_size_down": 25,
                                            "mode": "triangular2", "base_momentum": 0.7, "max_momentum": 0.95}, two)
    yield case("cyclic_range", "CyclicLR", {"base_lr": 1e-4, "max_lr": 0.01, "step_size_up": 30, "mode": "exp_range", "gamma": 0.99}, adam)
    yield case("cyclic_still", "CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "cycle_momentum": False})
    yield case("cyclic_own", "CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 13, "scale_fn": "half", "scale_mode": "cycle"})
    yield case("cyclic_own_iterations", "CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 13, "scale_fn": "decay",
                                                    "scale_mode": "iterations"})
    yield case("plateau", "ReduceLROnPlateau", {}, two)
    yield case("plateau_max", "ReduceLROnPlateau", {"mode": "max", "factor": 0.5, "patience": 3, "cooldown": 2, "min_lr": 1e-4}, adam)
    yield case("plateau_abs", "ReduceLROnPlateau", {"threshold": 0.2, "threshold_mode": "abs", "patience": 0, "factor": 0.9, "eps": 1e-3,
                                                   "min_lr": [0.01, 0.001]}, two)
    yield case("swa", "SWALR", {"swa_lr": 0.05}, two)
    yield case("swa_linear", "SWALR", {"swa_lr": 0.0001, "anneal_epochs": 150, "anneal_strategy": "linear"}, adam)
    yield case("swa_at_once", "SWALR", {"swa_lr": [0.2, 0.01], "anneal_epochs": 0}, two)
    yield case("sequence", "SequentialLR", {"schedulers": [part("LinearLR", start_factor=0.1, total_iters=20), part("CosineAnnealingLR", T_max=180)],
                                           "milestones": [20]}, two)
    yield case("sequence_three", "SequentialLR", {
        "schedulers": [part("ConstantLR", factor=0.1, total_iters=10), part("ExponentialLR", gamma=0.98), part("StepLR", step_size=10, gamma=0.5)],
        "milestones": [10, 120]}, adam)
    yield case("sequence_lambda", "SequentialLR", {
        "schedulers": [part("LambdaLR", lr_lambda="ramp"), part("PolynomialLR", total_iters=100, power=2.0), part("MultiStepLR", milestones=[5])],
        "milestones": [30, 140]})
    yield case("sequence_in_sequence", "SequentialLR", {
        "schedulers": [part("SequentialLR", schedulers=[part("LinearLR", start_factor=0.5, total_iters=5), part("ExponentialLR", gamma=0.9)],
                            milestones=[8]), part("CosineAnnealingLR", T_max=100)],
        "milestones": [60]})
    yield case("chained", "ChainedScheduler", {"schedulers": [part("ConstantLR", factor=0.1, total_iters=20), part("ExponentialLR", gamma=0.97)]}, two)
    yield case("chained_three", "ChainedScheduler", {
        "schedulers": [part("LinearLR", start_factor=0.2, total_iters=40), part("StepLR", step_size=25, gamma=0.5),
                       part("MultiplicativeLR", lr_lambda="late")]}, adam)
    yield case("chained_lambda", "ChainedScheduler", {"schedulers": [part("LinearLR", start_factor=0.2, total_iters=40), part("LambdaLR", lr_lambda="power")]})


def main():
    warnings.simplefilter("ignore")
    lines = [json.dumps(run(c), separators=(",", ":")) for c in cases()]
    version = torch.__version__.split("+")[0]
    pathlib.Path(__file__).with_name("lr_golden.json").write_text(
        '{"torch": "%s", "steps": %d, "half": %d, "cases": [\n%s\n]}\n' % (version, STEPS, HALF, ",\n".join(lines)))


if __name__ == "__main__":
    main()
