# Writes ../schedules/torch-goldens.json: what torch's schedulers give over 200 steps. Run with torch 2.13.0:
#   python packages/schedules/test/python/lr_schedules.py
import json
import random
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as s
from torch.optim.swa_utils import SWALR

warnings.simplefilter("ignore")
STEPS = 200


def optimizer(lr=0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def run(make, steps=STEPS, key="lr"):
    """The value of `key` before each of `steps` optimizer steps."""
    opt = optimizer()
    scheduler = make(opt)
    values = []
    for step in range(steps):
        values.append(opt.param_groups[0][key])
        opt.step()
        if step + 1 < steps:
            scheduler.step()
    return values


def both(make, steps=STEPS):
    return {"lr": run(make, steps), "momentum": run(make, steps, "momentum")}


def then(first, count, make_next):
    """`first` for `count` steps, then the scheduler that `make_next` puts on whatever rate it has reached."""
    opt = optimizer()
    scheduler, values = first(opt), []
    for step in range(STEPS):
        values.append(opt.param_groups[0]["lr"])
        opt.step()
        if step == count:
            scheduler = make_next(opt)
        scheduler.step()
    return values


def plateau(metrics, **options):
    opt = optimizer()
    scheduler = s.ReduceLROnPlateau(opt, **options)
    values = []
    for metric in metrics:
        opt.step()
        scheduler.step(metric)
        values.append(opt.param_groups[0]["lr"])
    return values


def at_epochs(epochs, **options):
    opt = optimizer()
    scheduler = s.CosineAnnealingWarmRestarts(opt, **options)
    values = []
    for epoch in epochs:
        scheduler.step(epoch)
        values.append(opt.param_groups[0]["lr"])
    return values


def attempt(function):
    try:
        return function()
    except Exception as error:  # the refusal is the golden
        return f"{type(error).__name__}: {error}"


torch_cyclic = {"base_lr": 0.01, "max_lr": 0.1}
goldens = {}
for strategy in ("cos", "linear"):
    for epochs in (0, 1, 4, 60):
        goldens[f"SWALR {epochs} {strategy}"] = run(lambda o, e=epochs, a=strategy: SWALR(o, 0.05, e, a))
goldens["SWALR up 60 cos"] = run(lambda o: SWALR(o, 0.3, 60))
goldens["MultiplicativeLR then SWALR linear"] = then(
    lambda o: s.MultiplicativeLR(o, lambda i: 0.9), 4, lambda o: SWALR(o, 0.05, 4, "linear")
)
goldens["CosineAnnealingLR then SWALR cos"] = then(
    lambda o: s.CosineAnnealingLR(o, 150), 100, lambda o: SWALR(o, 0.05, 40)
)
goldens["CyclicLR triangular"] = both(lambda o: s.CyclicLR(o, **torch_cyclic, step_size_up=4))
goldens["CyclicLR triangular2"] = both(lambda o: s.CyclicLR(o, **torch_cyclic, step_size_up=4, mode="triangular2"))
goldens["CyclicLR exp_range"] = both(
    lambda o: s.CyclicLR(o, **torch_cyclic, step_size_up=4, mode="exp_range", gamma=0.9)
)
goldens["CyclicLR asymmetric"] = both(lambda o: s.CyclicLR(o, **torch_cyclic, step_size_up=7, step_size_down=3))
goldens["CyclicLR custom cycle"] = both(
    lambda o: s.CyclicLR(o, **torch_cyclic, step_size_up=4, scale_fn=lambda c: 1 / (1 + c * c), scale_mode="cycle")
)
goldens["CyclicLR custom iterations"] = both(
    lambda o: s.CyclicLR(
        o, **torch_cyclic, step_size_up=4, scale_fn=lambda i: 1 / (1 + 0.1 * i), scale_mode="iterations"
    )
)
for t_max in (1, 2, 30, 200):
    goldens[f"CosineAnnealingLR {t_max}"] = run(lambda o, t=t_max: s.CosineAnnealingLR(o, t, eta_min=0.001))
goldens["CosineAnnealingWarmRestarts 4"] = run(lambda o: s.CosineAnnealingWarmRestarts(o, 4))
goldens["CosineAnnealingWarmRestarts 2 2"] = run(lambda o: s.CosineAnnealingWarmRestarts(o, 2, 2, 0.001))
goldens["CosineAnnealingWarmRestarts 3 3"] = run(lambda o: s.CosineAnnealingWarmRestarts(o, 3, 3))
# Steps of 0.37 never meet a restart: those that torch misplaces are in `defects`.
fractions = [0.37 * i for i in range(STEPS)]
goldens["CosineAnnealingWarmRestarts 4 fractions"] = at_epochs(fractions, T_0=4)
goldens["CosineAnnealingWarmRestarts 2 2 fractions"] = at_epochs(fractions, T_0=2, T_mult=2)
goldens["OneCycleLR"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS))
goldens["OneCycleLR linear"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS, anneal_strategy="linear"))
goldens["OneCycleLR three phases"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS, three_phase=True))
goldens["OneCycleLR three halves"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS, pct_start=0.5, three_phase=True))
goldens["OneCycleLR options"] = both(
    lambda o: s.OneCycleLR(
        o, 0.3, STEPS, pct_start=0.123, div_factor=10, final_div_factor=50, base_momentum=0.7, max_momentum=0.99
    )
)
goldens["OneCycleLR no warm-up"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS, pct_start=0.0))
goldens["OneCycleLR warm-up only"] = both(lambda o: s.OneCycleLR(o, 1.0, STEPS, pct_start=1.0))
goldens["OneCycleLR one step"] = both(lambda o: s.OneCycleLR(o, 1.0, 1), 1)
goldens["StepLR"] = run(lambda o: s.StepLR(o, 30, 0.5))
goldens["MultiStepLR"] = run(lambda o: s.MultiStepLR(o, [20, 50, 50, 120], 0.5))
goldens["MultiStepLR from 0"] = run(lambda o: s.MultiStepLR(o, [100, 0], 0.5))
goldens["ExponentialLR"] = run(lambda o: s.ExponentialLR(o, 0.97))
goldens["LambdaLR"] = run(lambda o: s.LambdaLR(o, lambda i: 1 / (1 + 0.05 * i)))
goldens["MultiplicativeLR"] = run(lambda o: s.MultiplicativeLR(o, lambda i: 1 - 1 / (i + 10)))
goldens["LinearLR"] = run(lambda o: s.LinearLR(o))
goldens["LinearLR down"] = run(lambda o: s.LinearLR(o, 1.0, 0.0, 150))
goldens["PolynomialLR"] = run(lambda o: s.PolynomialLR(o))
goldens["PolynomialLR 2.5"] = run(lambda o: s.PolynomialLR(o, 150, 2.5))
goldens["SequentialLR"] = run(
    lambda o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 20), s.CosineAnnealingLR(o, 80, 0.01), s.StepLR(o, 30, 0.5)], [20, 100]
    )
)

random.seed(1)
metrics = [1 / (1 + 0.05 * min(i, 120)) + 0.02 * random.random() for i in range(STEPS)]
goldens["ReduceLROnPlateau metrics"] = metrics
goldens["ReduceLROnPlateau"] = plateau(metrics, patience=3, factor=0.5)
goldens["ReduceLROnPlateau max"] = plateau([1 - m for m in metrics], mode="max", patience=3, factor=0.5)
goldens["ReduceLROnPlateau abs"] = plateau(metrics, patience=2, factor=0.7, threshold=0.01, threshold_mode="abs")
goldens["ReduceLROnPlateau cooldown"] = plateau(
    metrics, patience=1, factor=0.6, threshold=0.05, cooldown=5, min_lr=1e-4, eps=1e-3
)


def overrun(**options):
    opt = optimizer()
    scheduler = s.OneCycleLR(opt, 1.0, 10, **options)
    for _ in range(10):
        opt.step()
        scheduler.step()
    return opt.param_groups[0]["lr"]


# Where torch's numbers are wrong: not for us to repeat. The tests say what is right.
defects = {
    "torch": torch.__version__,
    "OneCycleLR at total_steps cos": overrun(),
    "OneCycleLR at total_steps linear": overrun(anneal_strategy="linear"),
    "OneCycleLR warm-up of one step": attempt(lambda: s.OneCycleLR(optimizer(), 1.0, 10, pct_start=0.1)),
    "OneCycleLR three phases of 60 % ends at": run(
        lambda o: s.OneCycleLR(o, 1.0, 10, pct_start=0.6, three_phase=True), 10
    )[-1],
    "CosineAnnealingWarmRestarts T_0=1 T_mult=3 at 121": at_epochs([121], T_0=1, T_mult=3)[0],
    "ReduceLROnPlateau of a metric that gets worse below zero": plateau(
        [-100 + 0.001 * i for i in range(10)], patience=3
    )[-1],
    "CyclicLR step_size_up=0": attempt(lambda: s.CyclicLR(optimizer(), 0.01, 0.1, step_size_up=0)),
    "SequentialLR with unsorted milestones": attempt(
        lambda: run(
            lambda o: s.SequentialLR(o, [s.ConstantLR(o, 1.0, 1), s.StepLR(o, 2), s.ExponentialLR(o, 0.9)], [8, 4]), 12
        )
    ),
    "CosineAnnealingLR 0": attempt(lambda: run(lambda o: s.CosineAnnealingLR(o, 0), 3)),
    "StepLR 0": attempt(lambda: run(lambda o: s.StepLR(o, 0), 3)),
    "SWALR -0.1": attempt(lambda: run(lambda o: SWALR(o, -0.1, 2), 3)),
}


def short(value):
    if isinstance(value, dict):
        return {key: short(entry) for key, entry in value.items()}
    return [float(f"{entry:.13g}") for entry in value]


lines = [f"  {json.dumps(key)}: {json.dumps(short(value), separators=(',', ':'))}" for key, value in goldens.items()]
path = Path(__file__).parent.parent / "torch-goldens.json"
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(json.dumps(defects, indent=1))
