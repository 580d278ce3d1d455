#!/usr/bin/env python3
"""Makes random scenarios, of all kinds but checkpoints where no group is named.

usage: generate.py COUNT -o FOLDER [--seed N] [--loaders | --optimization | --schedules | --precision | --callbacks | --late-callbacks |
                   --checkpoints | --resume]

--loaders: about loaders alone: several of them, combined or not, of unequal lengths, empty, unsized, limited, asked for again.
--optimization: about optimizers alone: manual optimization with two of them, schedules, clipping, accumulation.
--schedules: about schedules alone: every kind, one or several, by epochs or batches, watching metrics, also ones that aren't there.
--precision: the scenarios of --optimization in other precisions.
--callbacks: the scenarios of --optimization with callbacks that report learning rates, schedule the accumulation and average weights.
--late-callbacks: the same with callbacks that average the last epochs, finetune, and measure throughput.
--checkpoints: the scenarios of no group, with ModelCheckpoints of all settings.
--resume: a fit that goes on from a file of another.

Their traces come from run_lightning.py, which needs PyTorch Lightning (scripts/python_env.sh).
"""
import argparse, json, pathlib, random

STEP_HOOKS = ["training_step", "on_train_batch_start", "on_train_batch_end", "on_before_backward", "on_after_backward",
              "on_before_optimizer_step", "on_before_zero_grad"]
EVAL_HOOKS = ["validation_step", "on_validation_batch_start", "on_validation_batch_end"]
EPOCH_HOOKS = ["on_train_start", "on_train_epoch_start", "on_train_epoch_end", "on_validation_start", "on_validation_epoch_start",
               "on_validation_epoch_end"]
FORBIDDEN = ["on_fit_start", "on_fit_end", "on_train_end", "on_validation_end", "on_predict_start", "on_test_end"]
TEST_HOOKS = ["test_step", "on_test_batch_start", "on_test_batch_end", "on_test_epoch_start", "on_test_epoch_end", "on_test_start"]
RAISE_HOOKS = STEP_HOOKS + EVAL_HOOKS + EPOCH_HOOKS + FORBIDDEN[:4]


def value(r):
    kind = r.choice(["loss", "batch_idx", "epoch", "global_step", "const", "sequence"])
    if kind == "const":
        return {"kind": kind, "value": r.choice([0, 1, -2.5, "nan", "inf", "-inf", 3])}
    if kind == "sequence":
        return {"kind": kind, "values": [round(r.uniform(0, 5), 2) for _ in range(r.randint(1, 5))]}
    return {"kind": kind}


def rule(r, hook, name):
    out = {"hook": hook, "name": name, "value": value(r)}
    if hook not in EPOCH_HOOKS and not hook.endswith(("epoch_start", "epoch_end", "on_test_start")):
        choice = r.choice([None, (True, False), (False, True), (True, True)])
        if choice:
            out["on_step"], out["on_epoch"] = choice
    for key, chance, make in (("prog_bar", .3, lambda: True), ("logger", .15, lambda: False), ("batch_size", .3, lambda: r.randint(1, 4)),
                              ("reduce_fx", .4, lambda: r.choice(["mean", "sum", "min", "max"])), ("add_dataloader_idx", .1, lambda: False)):
        if r.random() < chance:
            out[key] = make()
    return out


def make(r, number):
    data = {"batch_size": r.randint(1, 3), "train": [r.randint(1, 8)]}
    if r.random() < .75:
        data["val"] = [r.randint(1, 4) for _ in range(r.choice([1, 1, 2]))]
    if r.random() < .3:
        data["test"] = [r.randint(1, 4) for _ in range(r.choice([1, 2]))]
    if r.random() < .2:
        data["predict"] = [r.randint(1, 3) for _ in range(r.choice([1, 2]))]
    if r.random() < .2:
        data["sized"] = False
    module = {"log": []}
    trainer = {}
    hooks = STEP_HOOKS + EPOCH_HOOKS + EVAL_HOOKS * 2 + (TEST_HOOKS if "test" in data else [])
    for k in range(r.randint(0, 5)):
        module["log"].append(rule(r, r.choice(hooks), f"m{k}" if r.random() < .85 else "same"))
    if r.random() < .06:
        module["log"].append({"hook": r.choice(FORBIDDEN), "name": "bad", "value": {"kind": "epoch"}})
    if r.random() < .04:
        module["log"].append({"hook": r.choice(hooks), "name": "bad", "value": 1, "on_step": False, "on_epoch": False})
    if r.random() < .04:
        module["log"].append({"hook": r.choice(EPOCH_HOOKS), "name": "bad", "value": 1, "on_step": True})
    if r.random() < .03:
        module["log"].append({"hook": "validation_step", "name": "x/dataloader_idx_0", "value": 1})
    if r.random() < .06:
        module["log"].append({"hook": "training_step", "name": "step", "value": {"kind": "sequence", "values": [7, 40]}})
    if r.random() < .12:
        module["stop_at"] = [{"hook": r.choice(STEP_HOOKS + EVAL_HOOKS + EPOCH_HOOKS), "epoch": r.randint(0, 1)}]
        if r.random() < .5:
            module["stop_at"][0]["batch_idx"] = r.randint(0, 3)
    if r.random() < .1:
        module["skip_epoch_at"] = [{"epoch": r.randint(0, 1), "batch_idx": r.randint(0, 3)}]
    if r.random() < .1:
        module["none_loss_at"] = [{"batch_idx": r.randint(0, 3)}]
    if r.random() < .1:
        module["raise_at"] = [{"hook": r.choice(RAISE_HOOKS), "epoch": r.randint(0, 1)}]
    if r.random() < .05 and "val" in data:
        module["without"] = ["validation_step"]
    if r.random() < .3:
        module["optimizer"] = r.choice([{"type": "SGD", "lr": 0.05, "momentum": 0.9}, {"type": "AdamW", "lr": 0.01}, {"type": "Adam", "lr": 0.02}])
    limits = [1, 2, 3, 1.0, 0.5, 0.34, 0.9, 0, 0.0, 0.25]
    if r.random() < .9:
        trainer["max_epochs"] = r.choice([0, 1, 1, 2, 2, 3, 4])
    if r.random() < .25 or "max_epochs" not in trainer:
        trainer["max_steps"] = r.choice([0, 1, 2, 4, 5, 7, 9])
    for key, chance, choices in (
            ("min_epochs", .1, [1, 2, 3]), ("min_steps", .1, [1, 3, 6, 10]), ("accumulate_grad_batches", .35, [2, 3, 4]),
            ("limit_train_batches", .2, limits), ("limit_val_batches", .2, limits), ("limit_test_batches", .15, limits),
            ("limit_predict_batches", .1, limits), ("log_every_n_steps", .5, [0, 1, 2, 3, 5]), ("num_sanity_val_steps", .3, [0, 1, 3, -1]),
            ("val_check_interval", .3, [1, 2, 3, 5, 0.25, 0.34, 0.5, 0.7, 1.0, 2.0]), ("check_val_every_n_epoch", .2, [2, 3, None]),
            ("gradient_clip_val", .15, [0.05, 0.5, 0]), ("overfit_batches", .07, [1, 2, 0.5]), ("fast_dev_run", .05, [True, 2]),
            ("reload_dataloaders_every_n_epochs", .1, [1, 2]), ("barebones", .03, [True]), ("logger", .05, [False]),
            ("inference_mode", .1, [False])):
        if r.random() < chance:
            trainer[key] = r.choice(choices)
    if "gradient_clip_val" in trainer and r.random() < .5:
        trainer["gradient_clip_algorithm"] = r.choice(["norm", "value"])
    bad = r.random()
    if bad < .06:
        trainer.update(r.choice([{"max_epochs": -3}, {"max_steps": -2}, {"limit_train_batches": -1}, {"limit_val_batches": 1.5}, {"fast_dev_run": -1},
                                 {"reload_dataloaders_every_n_epochs": -1}, {"gradient_clip_algorithm": "other"}, {"devices": 0}, {"precision": "12"},
                                 {"accelerator": "quantum"}, {"overfit_batches": -0.5}, {"val_check_interval": -1}, {"num_nodes": 0}, {"profiler": "none"},
                                 {"check_val_every_n_epoch": None, "val_check_interval": 0.5}, {"val_check_interval": "1:2:3"},
                                 {"barebones": True, "fast_dev_run": True}, {"strategy": "something"}]))
        trainer.pop("devices", None) if "devices" in trainer else None
        trainer.pop("accelerator", None)
    scenario = {"data": data, "module": module, "trainer": trainer, "actions": [{"do": "fit"}]}
    if r.random() < .15 and any(h["hook"].startswith(("validation", "on_validation")) for h in module["log"]):
        name = next(h["name"] for h in module["log"] if h["hook"].startswith(("validation", "on_validation")))
        scenario["callbacks"] = [{"type": "EarlyStopping", "monitor": name, "patience": r.randint(0, 2), "mode": r.choice(["min", "max"]),
                                  "min_delta": r.choice([0.0, 0.1]), "strict": r.random() < .7, "check_finite": r.random() < .5}]
        if r.random() < .3:
            scenario["callbacks"][0]["check_on_train_epoch_end"] = r.random() < .5
        if r.random() < .3:
            scenario["callbacks"][0]["stopping_threshold"] = 1.5
        if r.random() < .3:
            scenario["callbacks"][0]["divergence_threshold"] = 4.0
    for action in ("fit", "validate", "test", "predict"):
        there = action == "fit" or {"validate": "val"}.get(action, action) in data
        if r.random() < (.15 if action == "fit" else .4) and (there or r.random() < .1):
            scenario["actions"].append({"do": action})
    return {"name": f"gen-{number:04d}", **scenario}


def loader_log(r, data, combined):
    """What tells batches, epochs and loaders apart."""
    rules = [{"hook": "training_step", "name": "loss", "value": {"kind": "loss"}}]
    for hook, kind in (("training_step", "train"), ("validation_step", "val"), ("test_step", "test")):
        if kind in data and r.random() < .7:
            rules.append(rule(r, hook, f"of_{kind}"))
    if combined and r.random() < .5:
        rules[0].update({"on_step": r.random() < .5, "on_epoch": True})
    if r.random() < .3:
        rules.append(rule(r, r.choice(EPOCH_HOOKS), "at_epoch"))
    return rules


def make_loaders(r, number):
    """Scenarios about loaders: what is given out, and when a pass ends."""
    low = 0 if r.random() < .3 else 1
    data = {"batch_size": r.randint(1, 3), "train": [r.randint(low, 7) for _ in range(r.choice([1, 2, 2, 3, 4]))]}
    combined = r.random() < .75
    if combined:
        data["combine"] = r.choice(["min_size", "max_size", "max_size_cycle"])
    for kind, chance, most in (("val", .7, 3), ("test", .3, 3), ("predict", .25, 3)):
        if r.random() < chance:
            data[kind] = [r.randint(low, 5) for _ in range(r.randint(1, most))]
    if r.random() < .35:
        data["sized"] = False
    module = {"log": loader_log(r, data, combined)}
    if combined:
        module["combined"] = True
    if r.random() < .1:
        module["skip_epoch_at"] = [{"epoch": r.randint(0, 1), "batch_idx": r.randint(0, 3)}]
    if r.random() < .1:
        module["stop_at"] = [{"hook": r.choice(["training_step", "validation_step", "on_train_batch_end"]), "batch_idx": r.randint(0, 3)}]
    trainer = {"max_epochs": r.choice([1, 2, 2, 3, 4]), "log_every_n_steps": r.choice([1, 1, 2, 3])}
    limits = [1, 2, 3, 5, 1.0, 1.0, 0.5, 0.7, 0.34, 0, 0.0]
    for key, chance, choices in (
            ("max_steps", .15, [1, 3, 6, 9]), ("accumulate_grad_batches", .3, [2, 3, 4]), ("limit_train_batches", .4, limits),
            ("limit_val_batches", .3, limits), ("limit_test_batches", .2, limits), ("limit_predict_batches", .2, limits),
            ("num_sanity_val_steps", .4, [0, 1, 3, -1]), ("val_check_interval", .35, [1, 2, 3, 4, 0.25, 0.5, 0.7, 1.0]),
            ("check_val_every_n_epoch", .2, [2, 3, None]), ("overfit_batches", .12, [1, 2, 3, 0.5, 1.0]),
            ("reload_dataloaders_every_n_epochs", .35, [1, 2, 3]), ("fast_dev_run", .06, [True, 2, 4])):
        if r.random() < chance:
            trainer[key] = r.choice(choices)
    actions = [{"do": "fit"}]
    for action, kind in (("validate", "val"), ("test", "test"), ("predict", "predict"), ("fit", "train")):
        if kind in data and r.random() < (.15 if action == "fit" else .6):
            actions.append({"do": action})
    if r.random() < .1:
        actions.append({"do": "fit", "fresh": True, "trainer": {"max_epochs": 1}})
    return {"name": f"gen-loaders-{number:04d}", "data": data, "module": module, "trainer": trainer, "actions": actions}


def schedule(r, manual):
    out = {"type": "StepLR", "args": {"step_size": r.randint(1, 3), "gamma": r.choice([0.5, 0.9])}}
    if manual:
        out["optimizer"] = r.randint(0, 1)
    elif r.random() < .4:
        out = {"type": "ReduceLROnPlateau", "args": {"patience": r.randint(0, 1), "factor": 0.5}, "strict": r.random() < .6}
        if r.random() < .9:
            out["monitor"] = r.choice(["loss", "loss", "of_val", "none"])
    if not manual or r.random() < .3:
        out["interval"], out["frequency"] = r.choice(["step", "epoch"]), r.randint(1, 3)
    return out


def optimizer(r):
    return r.choice([{"type": "SGD", "lr": 0.1}, {"type": "SGD", "lr": 0.05, "momentum": 0.9, "nesterov": True}, {"type": "AdamW", "lr": 0.01},
                     {"type": "Adam", "lr": 0.02}, {"type": "Adagrad", "lr": 0.05}, {"type": "RMSprop", "lr": 0.01}])


def make_optimization(r, number):
    """Scenarios about optimizers: who steps when, and what counts."""
    data = {"batch_size": r.randint(1, 3), "train": [r.randint(1, 8)]}
    if r.random() < .5:
        data["val"] = [r.randint(1, 3)]
    if r.random() < .2:
        data["sized"] = False
    manual = r.random() < .6
    module = {"log": loader_log(r, data, False)}
    for k in range(r.randint(0, 2)):
        module["log"].append(rule(r, r.choice(["on_before_optimizer_step", "on_before_backward", "on_after_backward", "on_train_batch_end"]), f"m{k}"))
    if manual:
        module["optimizers"] = [optimizer(r), optimizer(r)]
        module["manual"] = {"every": [r.randint(1, 3), r.randint(1, 3)], "toggle": r.random() < .5, "step_schedulers": r.random() < .5}
        if r.random() < .4:
            module["manual"]["clip"] = r.choice([0.05, 0.5])
    else:
        module["optimizer"] = optimizer(r)
    if r.random() < .6:
        module["schedulers"] = [schedule(r, manual) for _ in range(r.randint(1, 2))]
    hooks = ["training_step", "on_before_optimizer_step", "on_before_backward", "on_train_batch_end", "on_train_epoch_end"]
    for key, chance in (("stop_at", .15), ("raise_at", .1)):
        if r.random() < chance:
            module[key] = [{"hook": r.choice(hooks), "epoch": r.randint(0, 1)}]
    if r.random() < .1:
        module["skip_epoch_at"] = [{"epoch": r.randint(0, 1), "batch_idx": r.randint(0, 3)}]
    if r.random() < .1:
        module["none_loss_at"] = [{"batch_idx": r.randint(0, 3)}]
    trainer = {"max_epochs": r.choice([1, 2, 3]), "log_every_n_steps": r.choice([1, 1, 2, 3])}
    rare = .05 if manual else .4
    for key, chance, choices in (
            ("max_steps", .3, [1, 3, 4, 6, 9]), ("min_steps", .15, [3, 6]), ("accumulate_grad_batches", rare, [2, 3, 4]),
            ("gradient_clip_val", rare, [0.05, 0.5, 0]), ("val_check_interval", .2, [1, 2, 0.5]), ("check_val_every_n_epoch", .15, [2, None]),
            ("limit_train_batches", .15, [1, 3, 0.5]), ("num_sanity_val_steps", .3, [0, 1]), ("fast_dev_run", .05, [True, 2]),
            ("overfit_batches", .07, [2, 0.5])):
        if r.random() < chance:
            trainer[key] = r.choice(choices)
    actions = [{"do": "fit"}] + [{"do": "fit"}] * (r.random() < .15) + [{"do": "validate"}] * ("val" in data and r.random() < .2)
    return {"name": f"gen-optimization-{number:04d}", "data": data, "module": module, "trainer": trainer, "actions": actions}


def simple_schedule(r):
    """One that may be a part of another."""
    kind, args = r.choice([
        ("StepLR", lambda: {"step_size": r.randint(1, 4), "gamma": r.choice([0.5, 0.9])}),
        ("MultiStepLR", lambda: {"milestones": sorted(r.randint(0, 8) for _ in range(r.randint(1, 3))), "gamma": 0.3}),
        ("ConstantLR", lambda: {"factor": r.choice([0.25, 0.5]), "total_iters": r.randint(1, 6)}),
        ("LinearLR", lambda: {"start_factor": r.choice([0.1, 0.5]), "end_factor": r.choice([1.0, 0.8]), "total_iters": r.randint(1, 8)}),
        ("ExponentialLR", lambda: {"gamma": r.choice([0.5, 0.9, 1.1])}),
        ("PolynomialLR", lambda: {"total_iters": r.randint(1, 12), "power": r.choice([0.5, 1.0, 2.0])}),
        ("CosineAnnealingLR", lambda: {"T_max": r.randint(1, 12), "eta_min": r.choice([0.0, 0.001])}),
        ("CosineAnnealingWarmRestarts", lambda: {"T_0": r.randint(1, 5), "T_mult": r.randint(1, 2)}),
        ("LambdaLR", lambda: {"lr_lambda": r.choice(["power", "inverse", "ramp"])}),
        ("MultiplicativeLR", lambda: {"lr_lambda": r.choice(["power", "late"])})])
    return {"type": kind, "args": args()}


def any_schedule(r, manual):
    kind = r.random()
    if kind < .5:
        out = simple_schedule(r)
    elif kind < .6:
        out = {"type": "OneCycleLR", "args": {"max_lr": r.choice([0.1, 0.5]), "total_steps": r.randint(2, 40), "pct_start": r.choice([0.3, 0.5]),
                                              "three_phase": r.random() < .3, "cycle_momentum": r.random() < .7}}
    elif kind < .7:
        out = {"type": "CyclicLR", "args": {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": r.randint(1, 5), "cycle_momentum": r.random() < .7,
                                            "mode": r.choice(["triangular", "triangular2", "exp_range"]), "gamma": 0.95}}
    elif kind < .75:
        out = {"type": "SWALR", "args": {"swa_lr": 0.02, "anneal_epochs": r.randint(0, 6), "anneal_strategy": r.choice(["cos", "linear"])}}
    elif kind < .83:
        parts = [simple_schedule(r) for _ in range(r.randint(1, 3))]
        stones = sorted(r.sample(range(1, 9), len(parts) - 1))
        out = {"type": "SequentialLR", "args": {"schedulers": parts, "milestones": stones}}
    elif kind < .88:
        out = {"type": "ChainedScheduler", "args": {"schedulers": [simple_schedule(r) for _ in range(r.randint(1, 3))]}}
    elif manual:
        out = simple_schedule(r)
    else:
        out = {"type": "ReduceLROnPlateau", "args": {"mode": r.choice(["min", "max"]), "patience": r.randint(0, 2), "factor": 0.5,
                                                     "cooldown": r.randint(0, 1), "threshold": r.choice([1e-4, 0.1]),
                                                     "threshold_mode": r.choice(["rel", "abs"])}}
        if r.random() < .95:
            out["monitor"] = r.choice(["loss", "loss", "of_val", "of_val", "los"])
            out["strict"] = r.random() < .6
    if manual:
        out["optimizer"] = r.randint(0, 1)
    else:
        if r.random() < .7:
            out["interval"] = r.choice(["step", "epoch"])
        if r.random() < .5:
            out["frequency"] = r.randint(1, 3)
        if r.random() < .2:
            out["name"] = "rate"
    return out


def make_schedules(r, number):
    """Scenarios about schedules: when each steps, and what it makes of the rate."""
    data = {"batch_size": r.randint(1, 2), "train": [r.randint(1, 7)]}
    if r.random() < .6:
        data["val"] = [r.randint(1, 2)]
    if r.random() < .15:
        data["sized"] = False
    manual = r.random() < .2
    module = {"log": [{"hook": "training_step", "name": "loss", "value": {"kind": "loss"}, "on_epoch": r.random() < .5}]}
    if "val" in data:
        module["log"].append({"hook": "validation_step", "name": "of_val", "value": value(r)})
    if manual:
        module["optimizers"] = [optimizer(r), optimizer(r)]
        module["manual"] = {"every": [r.randint(1, 2), r.randint(1, 2)], "step_schedulers": r.random() < .8}
    else:
        module["optimizer"] = optimizer(r)
    module["schedulers"] = [any_schedule(r, manual) for _ in range(r.choice([1, 1, 1, 2, 2, 3]))]
    if r.random() < .08:
        module["skip_epoch_at"] = [{"epoch": r.randint(0, 1), "batch_idx": r.randint(0, 3)}]
    if r.random() < .08:
        module["stop_at"] = [{"hook": r.choice(["training_step", "on_train_batch_end", "on_train_epoch_end"]), "epoch": r.randint(0, 1)}]
    trainer = {"max_epochs": r.choice([1, 2, 3, 5, 8]), "log_every_n_steps": r.choice([1, 2, 5])}
    for key, chance, choices in (
            ("max_steps", .2, [1, 3, 5, 9]), ("accumulate_grad_batches", 0 if manual else .3, [2, 3]), ("val_check_interval", .2, [1, 2, 0.5]),
            ("check_val_every_n_epoch", .2, [2, None]), ("limit_train_batches", .1, [1, 3, 0.5]), ("num_sanity_val_steps", .4, [0, 1]),
            ("fast_dev_run", .04, [True, 2])):
        if r.random() < chance:
            trainer[key] = r.choice(choices)
    actions = [{"do": "fit"}] + [{"do": "fit"}] * (r.random() < .1)
    return {"name": f"gen-schedules-{number:04d}", "data": data, "module": module, "trainer": trainer, "actions": actions}


def make_precision(r, number):
    """Scenarios about number formats and the loss scaler: what is skipped, and what counts."""
    s = make_optimization(r, number)
    module, trainer = s["module"], s["trainer"]
    precision = r.choice(["64-true", "bf16-mixed", "16-mixed", "16-mixed", "16-mixed", "16-mixed", "bf16-true", "16-true"])
    trainer["precision"] = precision
    if "manual" in module:
        module["manual"].pop("clip", None)  # Lightning clips gradients there that are still scaled
    if precision in ("bf16-true", "16-true"):  # where the order of operations inside an optimizer shows
        for k, of in enumerate(module.get("optimizers", [])):
            module["optimizers"][k] = {"type": "SGD", "lr": of["lr"]}
        if "optimizer" in module:
            module["optimizer"] = {"type": "SGD", "lr": module["optimizer"]["lr"]}
    if precision == "16-mixed":
        if r.random() < .5:
            s["data"]["batch_size"] = 1  # the first gradients overflow
        if r.random() < .7:
            trainer["scaler"] = {"init_scale": r.choice([1024.0, 65536.0, 2.0 ** 20]), "growth_interval": r.randint(1, 3)}
        if "manual" not in module and r.random() < .2:
            module["none_loss_at"] = [{"batch_idx": r.randint(0, 3)}]
    return {**s, "name": f"gen-precision-{number:04d}"}


def learning_rate_monitor(r):
    out = {"type": "LearningRateMonitor"}
    if r.random() < .6:
        out["logging_interval"] = r.choice(["step", "epoch", None])
    for key in ("log_momentum", "log_weight_decay"):
        if r.random() < .35:
            out[key] = True
    return out


def accumulation_scheduler(r):
    epochs = r.sample(range(4), r.randint(1, 3))
    out = {"type": "GradientAccumulationScheduler", "scheduling": {str(e): r.randint(1, 4) for e in sorted(epochs)}}
    if r.random() < .06:
        out["scheduling"] = r.choice([{}, {"0": 0}, {"-1": 2}])
    return out


def weight_averaging(r):
    if r.random() < .3:
        return {"type": "WeightAveraging"}
    out = {"type": "EMAWeightAveraging", "decay": r.choice([0.5, 0.9, 0.99])}
    for key, chance, choices in (("update_every_n_steps", .5, [1, 2, 3, 0]), ("update_starting_at_step", .4, [0, 1, 4]),
                                 ("update_starting_at_epoch", .4, [0, 1, 2]), ("use_buffers", .2, [False])):
        if r.random() < chance:
            out[key] = r.choice(choices)
    return out


def make_callbacks(r, number):
    """Scenarios about the callbacks around optimizers."""
    out = make_optimization(r, number)
    manual, trainer = "manual" in out["module"], out["trainer"]
    out["module"].get("schedulers", []).sort(key=lambda s: s.get("optimizer", 0))  # torchbolt lists them by optimizer
    callbacks = []
    if r.random() < .6:
        callbacks.append(learning_rate_monitor(r))
        for k, spec in enumerate(out["module"].get("schedulers", [])):
            if r.random() < .3 and not manual:
                spec["name"] = r.choice(["lr/mine", f"lr/{k}"])
    if r.random() < (.1 if manual else .55):
        callbacks.append(accumulation_scheduler(r))
        if r.random() < .8:
            trainer.pop("accumulate_grad_batches", None)
    if r.random() < .45 or not callbacks:
        callbacks.append(weight_averaging(r))
    r.shuffle(callbacks)
    if r.random() < .08:
        trainer["logger"] = False
    trainer["max_epochs"] = r.choice([1, 2, 3, 4])
    for action in ("validate", "fit"):
        if r.random() < .1 and (action == "fit" or "val" in out["data"]):
            out["actions"].append({"do": action})
    return {**out, "name": f"gen-callbacks-{number:04d}", "callbacks": callbacks}


def stochastic_weight_averaging(r):
    out = {"type": "StochasticWeightAveraging", "swa_lrs": r.choice([0.02, 0.05, [0.03], 0.05, 0.0])}
    for key, chance, choices in (("swa_epoch_start", .8, [1, 2, 3, 0.25, 0.5, 0.7, 1.0, 0, 1.5]), ("annealing_epochs", .7, [0, 1, 2, 5]),
                                 ("annealing_strategy", .5, ["cos", "linear"])):
        if r.random() < chance:
            out[key] = r.choice(choices)
    return out


def backbone_finetuning(r):
    out = {"type": "BackboneFinetuning", "unfreeze_backbone_at_epoch": r.choice([0, 1, 1, 2, 3])}
    for key, chance, choices in (("lambda_func", .6, ["double", "power", "ramp"]), ("backbone_initial_ratio_lr", .5, [0.1, 0.5, 1.0]),
                                 ("backbone_initial_lr", .3, [0.01, 0.001]), ("should_align", .4, [False, True])):
        if r.random() < chance:
            out[key] = r.choice(choices)
    return out


def throughput_monitor(r):
    out = {"type": "ThroughputMonitor", "window_size": r.randint(2, 4)}
    for key, chance, choices in (("lengths", .5, [True]), ("separator", .2, ["|"])):
        if r.random() < chance:
            out[key] = r.choice(choices)
    return out


def make_late_callbacks(r, number):
    """Scenarios about averaging the last epochs, finetuning, and throughput."""
    out = make_optimization(r, number)
    module, trainer = out["module"], out["trainer"]
    module.get("schedulers", []).sort(key=lambda s: s.get("optimizer", 0))
    for key in ("fast_dev_run", "overfit_batches"):
        trainer.pop(key, None)
    trainer["max_epochs"] = r.choice([2, 3, 4, 6])
    out["actions"] = [{"do": "fit"}] + [{"do": a} for a in ("validate",) if "val" in out["data"] and r.random() < .2]
    kind = r.choice(["swa", "finetuning", "throughput"])
    if kind == "throughput":
        out["actions"] = [{"do": "fit"}]  # an evaluation of its own goes on with the fit's counts there
        return {**out, "name": f"gen-late-{number:04d}", "callbacks": [throughput_monitor(r)]}
    if kind == "swa":
        if "manual" in module and r.random() < .8:
            del module["manual"], module["optimizers"]
            module["schedulers"] = [s for s in module.get("schedulers", []) if "optimizer" not in s]
        if r.random() < .8:
            module["schedulers"] = module.get("schedulers", [])[:1]
        return {**out, "name": f"gen-late-{number:04d}", "callbacks": [stochastic_weight_averaging(r)]}
    for key in ("manual", "optimizers", "schedulers"):
        module.pop(key, None)
    if r.random() < .95:
        module["backbone"] = True
    if r.random() < .4:
        module["schedulers"] = [{"type": "StepLR", "args": {"step_size": r.randint(1, 2), "gamma": 0.5}}]
    return {**out, "name": f"gen-late-{number:04d}", "callbacks": [backbone_finetuning(r)]}


def model_checkpoint(r, scenario, dirpath):
    out = {"type": "ModelCheckpoint", "dirpath": dirpath}
    if r.random() < .6:
        out["monitor"] = "score" if r.random() < .95 else "unknown"
        for key, chance, choices in (("mode", .7, ["min", "max"]), ("save_top_k", .7, [-1, 0, 1, 2, 3])):
            if r.random() < chance:
                out[key] = r.choice(choices)
    elif r.random() < .7:
        out["save_top_k"] = r.choice([-1, -1, 0, 1, 1, 2])
    trigger = r.random()
    if trigger < .3:
        out["every_n_train_steps"] = r.choice([0, 1, 2, 3, 4])
    elif trigger < .5:
        out["every_n_epochs"] = r.choice([0, 1, 2, 3])
    elif trigger < .53:
        out.update({"every_n_epochs": 1, "every_n_train_steps": 2})
    for key, chance, choices in (("save_last", .4, [True, True, False]), ("save_weights_only", .2, [True]), ("save_on_train_epoch_end", .25, [True, False]),
                                 ("filename", .4, ["{epoch:02d}", "x-{epoch}-{step}", "{score:.3f}", "{epoch}-{score:.2f}-{nothing}", "same",
                                                   "sub/{step}", "{epoch}-{step:03d}"]),
                                 ("auto_insert_metric_name", .2, [False]), ("enable_version_counter", .15, [False])):
        if r.random() < chance:
            out[key] = r.choice(choices)
    return out


def scored(r, scenario):
    """Logs what checkpoints watch."""
    hooks = ["training_step", "on_train_epoch_end"] + (["validation_step"] * 4 + ["on_validation_epoch_end"] if "val" in scenario["data"] else [])
    numbers = [round(r.uniform(0, 4), 2) for _ in range(6)]
    if r.random() < .15:
        numbers[r.randrange(6)] = r.choice(["nan", "inf", "-inf", 0])
    if r.random() < .2:
        numbers[2] = numbers[1]
    hook = r.choice(hooks)
    out = {"hook": hook, "name": "score", "value": {"kind": "sequence", "values": numbers}}
    if hook.endswith("step") and r.random() < .7:
        out.update({"on_step": r.random() < .3, "on_epoch": True})
    scenario["module"]["log"].append(out)


def make_checkpoints(r, number):
    """Scenarios about when files are written, under which names, and which of them stay.

    Lightning writes the last one in a fast_dev_run, too, from which the next run would go on; torchbolt doesn't.
    """
    out = make(r, number)
    out["trainer"].pop("fast_dev_run", None)
    scored(r, out)
    if r.random() < .4:
        out["module"]["schedulers"] = [{"type": "StepLR", "args": {"step_size": 1, "gamma": 0.5}, "interval": r.choice(["epoch", "step"])}]
    callbacks = out.setdefault("callbacks", [])
    for k in range(r.choice([1, 1, 1, 2])):
        callbacks.append(model_checkpoint(r, out, "ck" if k == 0 or r.random() < .2 else f"ck{k}"))
    r.shuffle(callbacks)
    for action in out["actions"][1:]:
        if action["do"] == "fit":
            action["fresh"] = r.random() < .6
        elif r.random() < .5:
            action["ckpt"] = r.choice(["best", "best", "last", "ck/none.ckpt"])
    return {**out, "name": f"gen-ckpt-{number:04d}"}


def make_resume(r, number):
    """Scenarios about going on, within an epoch or behind it.

    What Lightning loses there isn't in them: a validation that was due, the last step of a schedule that watches a metric, a request to
    stop, metrics of the run before, at which step a ModelCheckpoint saved last, and, with max_steps, the epoch behind an epoch's file.
    """
    batches, accumulate = r.randint(2, 7), r.choice([1, 1, 1, 2, 3])
    steps, epochs = -(-batches // accumulate), r.randint(1, 3)
    data = {"batch_size": r.randint(1, 3), "train": [batches]}
    if r.random() < .7:
        data["val"] = [r.randint(1, 3) for _ in range(r.choice([1, 1, 2]))]
    module = {"log": [{"hook": "training_step", "name": "loss", "value": {"kind": "loss"}, "on_step": True, "on_epoch": False}],
              "optimizer": r.choice([{"type": "SGD", "lr": 0.05, "momentum": 0.9}, {"type": "AdamW", "lr": 0.01}, {"type": "Adam", "lr": 0.02},
                                     {"type": "Adagrad", "lr": 0.05}, {"type": "RMSprop", "lr": 0.01, "momentum": 0.5}, {"type": "NAdam", "lr": 0.02},
                                     {"type": "SGD", "lr": 0.1, "nesterov": True, "momentum": 0.5}])}
    if "val" in data and r.random() < .6:
        module["log"].append({"hook": "validation_step", "name": "score",
                              "value": {"kind": "sequence", "values": [round(r.uniform(0, 4), 2) for _ in range(6)]}})
    watched = any(rule["name"] == "score" for rule in module["log"])
    if r.random() < .6:
        module["schedulers"] = [r.choice([
            {"type": "StepLR", "args": {"step_size": r.randint(1, 3), "gamma": 0.5}},
            {"type": "CosineAnnealingLR", "args": {"T_max": 7}},
            {"type": "LinearLR", "args": {"start_factor": 0.25, "total_iters": 5}},
            {"type": "ExponentialLR", "args": {"gamma": 0.9}},
            {"type": "OneCycleLR", "args": {"max_lr": 0.2, "total_steps": 100}},
            {"type": "MultiStepLR", "args": {"milestones": [2, 5], "gamma": 0.1}}])]
        module["schedulers"][0].update({"interval": r.choice(["epoch", "step"]), "frequency": r.choice([1, 1, 2])})
    trainer = {"max_epochs": epochs, "log_every_n_steps": 1}
    if accumulate > 1:
        trainer["accumulate_grad_batches"] = accumulate
    for key, chance, choices in (("gradient_clip_val", .2, [0.05, 0.5]), ("num_sanity_val_steps", .2, [0, 1])):
        if r.random() < chance:
            trainer[key] = r.choice(choices)
    saver, epoch = {"type": "ModelCheckpoint", "dirpath": "ck", "save_top_k": -1}, r.randrange(epochs)
    step = (epoch + 1) * steps
    if steps > 1 and r.random() < .55:  # a file of an epoch's last batch isn't gone on from as it should be
        saver["every_n_train_steps"] = 1
        step = epoch * steps + r.randint(1, steps - 1)
    if r.random() < .2:
        saver["save_last"] = True
    path = f"ck/epoch={epoch}-step={step}.ckpt"
    if r.random() < .04:
        path = "ck/epoch=9-step=99.ckpt"
    more = {"max_epochs": r.choice([epochs, epochs + 1, epochs + 2, epochs + 2, max(1, epochs - 1)])}
    inside = "every_n_train_steps" in saver
    for key, chance, choices in (("max_steps", .35 if inside and not watched else 0, [step, step + 1, step + 3]),
                                 ("limit_train_batches", .1, [batches]),
                                 ("num_sanity_val_steps", .2, [0, 1, -1]), ("limit_val_batches", .1, [1])):
        if r.random() < chance:
            more[key] = r.choice(choices)
    callbacks = [saver]
    second = [model_checkpoint(r, {}, "ck2") if watched and r.random() < .4 else {"type": "ModelCheckpoint", "dirpath": "ck2", "save_top_k": -1}]
    if watched and r.random() < .25:
        stopping = {"type": "EarlyStopping", "monitor": "score", "patience": r.randint(2, 4), "mode": r.choice(["min", "max"])}
        callbacks.append(stopping)
        second.insert(0, stopping)
    again = {"do": "fit", "fresh": True, "ckpt": path, "trainer": more, "callbacks": second}
    if r.random() < .15 and accumulate == 1:
        del again["callbacks"]
    actions = [{"do": "fit"}, again]
    if "val" in data and r.random() < .2:
        actions.append({"do": "validate", "ckpt": r.choice(["best", path])})
    return {"name": f"gen-resume-{number:04d}", "data": data, "module": module, "trainer": trainer, "callbacks": callbacks, "actions": actions}


GROUPS = {"checkpoints": make_checkpoints, "resume": make_resume, "late-callbacks": make_late_callbacks, "loaders": make_loaders, "optimization": make_optimization, "schedules": make_schedules, "precision": make_precision,
          "callbacks": make_callbacks}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("count", type=int)
    p.add_argument("-o", "--out", type=pathlib.Path, required=True)
    p.add_argument("--seed", type=int, default=1)
    group = p.add_mutually_exclusive_group()
    for name in GROUPS:
        group.add_argument(f"--{name}", dest="group", action="store_const", const=name)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    r = random.Random(a.seed)
    for k in range(a.count):
        s = GROUPS.get(a.group, make)(r, k)
        (a.out / f"{s['name']}.json").write_text(json.dumps(s) + "\n")
    print(f"{a.count} scenarios written")


main()
