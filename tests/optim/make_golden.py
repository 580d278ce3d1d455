#!/usr/bin/env python3
"""Writes golden.json: what Python's torch.optim makes of a few parameters.

    make_golden.py            needs torch, of the version that torchbolt is built on

Fifty steps of each optimizer, on gradients that a formula gives, so that the C++
test repeats them. A parameter now and then has no gradient; the learning rate is
halved at step 20. Kept are the parameters after steps 1, 25 and 50, and the state
after step 25, as `state_dict()` has it.
"""

import json
import math
import pathlib

import torch
from torch import optim

SHAPES = [(2, 3), (3,), (2, 2, 2)]
KEPT = (1, 25, 50)


class Lion(optim.Optimizer):
    """Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms",
    program 1. torch has none."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0,
                 maximize=False):
        super().__init__(params, {"lr": lr, "betas": betas,
                                  "weight_decay": weight_decay, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = -p.grad if group["maximize"] else p.grad
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.sign(beta1 * m + (1 - beta1) * g))
                m.copy_(beta2 * m + (1 - beta2) * g)


def parameters(dtype):
    made, k = [], 0
    for shape in SHAPES:
        n = math.prod(shape)
        values = [math.cos(0.7 * (k + j)) for j in range(n)]
        made.append(torch.tensor(values, dtype=torch.float64).to(dtype)
                    .reshape(shape).requires_grad_())
        k += n
    return made


def set_gradients(params, step):
    k = 0
    for i, p in enumerate(params):
        n = p.numel()
        push = torch.tensor([0.3 * math.sin(0.9 * step + 0.37 * (k + j))
                             for j in range(n)], dtype=torch.float64).to(p.dtype)
        k += n
        absent = (i == 1 and step % 4 == 0) or (i == 2 and step <= 6)
        p.grad = None if absent else p.detach() * 0.5 + push.reshape(p.shape)


def rosenbrock(params):
    x = torch.cat([p.reshape(-1) for p in params])
    a, b = x[:-1], x[1:]
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum()


def plain(value):
    """A state as JSON."""
    if isinstance(value, torch.Tensor):
        digits = 9 if value.dtype == torch.float32 else 13
        return {"shape": list(value.shape), "dtype": str(value.dtype)[6:],
                "values": [float(f"{x:.{digits}g}") for x in value.reshape(-1).tolist()]}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def run(make, dtype):
    params = parameters(dtype)
    optimizer = make(params)
    closed = isinstance(optimizer, optim.LBFGS)
    result = {"parameters": {}}
    for step in range(1, 51):
        if step == 20:
            for group in optimizer.param_groups:
                group["lr"] *= 0.5
        if closed:
            def closure():
                optimizer.zero_grad()
                loss = rosenbrock(params)
                loss.backward()
                return loss
            optimizer.step(closure)
        else:
            set_gradients(params, step)
            optimizer.step()
        if step in KEPT:
            flat = torch.cat([p.detach().reshape(-1) for p in params])
            result["parameters"][str(step)] = plain(flat)["values"]
        if step == 25:
            result["state_dict"] = plain(optimizer.state_dict())
    return result


def cases():
    def case(name, cls, both=False, **options):
        yield name, torch.float64, lambda p: cls(p, **options)
        if both:
            yield name + "_float", torch.float32, lambda p: cls(p, **options)

    yield from case("adamw", optim.AdamW, True)
    yield from case("adamw_amsgrad", optim.AdamW, lr=0.01, betas=(0.8, 0.95),
                    eps=1e-6, weight_decay=0.1, amsgrad=True)
    yield from case("adamw_maximize", optim.AdamW, lr=0.01, maximize=True)
    yield "adamw_groups", torch.float64, lambda p: optim.AdamW(
        [{"params": p[:2], "weight_decay": 0.0}, {"params": p[2:], "lr": 0.01}],
        lr=0.02, weight_decay=0.1)
    yield from case("adam", optim.Adam, True)
    yield from case("adam_decay", optim.Adam, lr=0.01, weight_decay=0.1, amsgrad=True)
    yield from case("adam_decoupled", optim.Adam, lr=0.01, weight_decay=0.1,
                    decoupled_weight_decay=True, maximize=True)
    yield from case("sgd", optim.SGD, True)
    yield from case("sgd_momentum", optim.SGD, True, lr=0.05, momentum=0.9,
                    dampening=0.3, weight_decay=0.01)
    yield from case("sgd_nesterov", optim.SGD, lr=0.05, momentum=0.9, nesterov=True,
                    weight_decay=0.01)
    yield from case("sgd_maximize", optim.SGD, lr=0.01, momentum=0.5, maximize=True)
    yield from case("adagrad", optim.Adagrad, True)
    yield from case("adagrad_all", optim.Adagrad, lr=0.1, lr_decay=0.05,
                    weight_decay=0.1, initial_accumulator_value=0.2, eps=1e-6,
                    maximize=True)
    yield from case("nadam", optim.NAdam, True)
    yield from case("nadam_decay", optim.NAdam, lr=0.01, betas=(0.8, 0.95),
                    weight_decay=0.1, momentum_decay=0.01, maximize=True)
    yield from case("nadam_decoupled", optim.NAdam, lr=0.01, weight_decay=0.1,
                    decoupled_weight_decay=True)
    yield from case("radam", optim.RAdam, True)
    yield from case("radam_decay", optim.RAdam, lr=0.01, betas=(0.8, 0.95),
                    weight_decay=0.1, maximize=True)
    yield from case("radam_decoupled", optim.RAdam, lr=0.01, weight_decay=0.1,
                    decoupled_weight_decay=True)
    yield from case("rmsprop", optim.RMSprop, True)
    yield from case("rmsprop_momentum", optim.RMSprop, lr=0.005, alpha=0.9,
                    momentum=0.8, weight_decay=0.1)
    yield from case("rmsprop_centered", optim.RMSprop, lr=0.005, momentum=0.5,
                    centered=True, maximize=True)
    yield from case("adafactor", optim.Adafactor, True)
    yield from case("adafactor_all", optim.Adafactor, lr=0.1, beta2_decay=-0.6,
                    eps=(1e-5, 1e-2), d=1.5, weight_decay=0.1, maximize=True)
    yield from case("lion", Lion, True)
    yield from case("lion_decay", Lion, lr=0.01, betas=(0.8, 0.95), weight_decay=0.1,
                    maximize=True)
    yield from case("lbfgs", optim.LBFGS, lr=0.1, max_iter=3, history_size=5)
    yield from case("lbfgs_wolfe", optim.LBFGS, max_iter=2, history_size=3,
                    line_search_fn="strong_wolfe")
    yield from case("lbfgs_wolfe_long", optim.LBFGS, lr=0.8, max_iter=8, max_eval=6,
                    line_search_fn="strong_wolfe")


def main():
    lines = []
    for name, dtype, make in cases():
        text = json.dumps(run(make, dtype), separators=(",", ":"))
        lines.append(f'"{name}": {text}')
    path = pathlib.Path(__file__).with_name("golden.json")
    version = torch.__version__.split("+")[0]
    path.write_text('{"torch": "%s", "cases": {\n%s\n}}\n'
                    % (version, ",\n".join(lines)))


if __name__ == "__main__":
    main()
