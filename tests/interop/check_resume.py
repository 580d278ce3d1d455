#!/usr/bin/env python3
"""Runs that torchbolt began and Lightning goes on with, and the other way round: the losses are those of one run.

usage: check_resume.py CONTINUE_RUN_PROGRAM WORK_FOLDER
"""
import logging, pathlib, shutil, subprocess, sys, warnings

import pytorch_lightning as pl
import torch

program, work = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
BATCHES = 5


def wave(shape, step):
    """Numbers that both languages make alike."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(count, dtype=torch.double) * step).reshape(shape).float()


class Net(pl.LightningModule):
    def __init__(self, optimizer):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        step = 0.1
        with torch.no_grad():
            for parameter in self.net.parameters():
                step += 0.17
                parameter.copy_(wave(parameter.shape, step))
        self.losses = []

    def training_step(self, batch, batch_idx):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        kind = self.hparams.optimizer
        if kind == "sgd":
            optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, nesterov=True)
        elif kind == "adam":
            optimizer = torch.optim.Adam(self.parameters(), lr=0.02)
        else:
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.02)
        if kind == "torch_adamw":
            return optimizer
        step = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.7)
        epoch = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        return [optimizer], [{"scheduler": step, "interval": "step"}, {"scheduler": epoch, "interval": "epoch"}]


def train(optimizer, callbacks=(), ckpt_path=None):
    """The losses of a fit of four epochs by Lightning."""
    model = Net(optimizer)
    data = torch.utils.data.TensorDataset(wave((4 * BATCHES, 3), 0.3), wave((4 * BATCHES, 1), 0.7))
    trainer = pl.Trainer(max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=bool(callbacks),
                         callbacks=list(callbacks), enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=4), ckpt_path=ckpt_path)
    return model.losses


def run(*arguments):
    """What the program prints."""
    done = subprocess.run([program, *map(str, arguments)], text=True, check=True, stdout=subprocess.PIPE)
    return [float(line) for line in done.stdout.split()]


def near(name, a, b, count):
    assert len(a) == len(b) == count, (name, len(a), len(b))
    for k, (x, y) in enumerate(zip(a, b)):
        assert abs(x - y) <= 1e-6, (name, k, x, y)


for optimizer in ["adamw", "sgd", "adam", "torch_adamw"]:
    ours = work / f"{optimizer}.ckpt"
    straight = run(optimizer, "write", ours)
    near(f"{optimizer}, straight", straight, train(optimizer), 4 * BATCHES)
    near(f"{optimizer}, Lightning goes on with ours", train(optimizer, ckpt_path=ours), straight[2 * BATCHES:], 2 * BATCHES)
    model = Net.load_from_checkpoint(ours)
    assert model.hparams.optimizer == optimizer
    with torch.no_grad():
        out = model.net(wave((4, 3), 0.3)).flatten().tolist()
    near(f"{optimizer}, the weights", out, run(optimizer, "load", ours), 4)

    # At the end of an epoch, and in the middle of one.
    saves = pl.callbacks.ModelCheckpoint(work / optimizer, "{step}", save_top_k=-1, every_n_train_steps=1)
    theirs = train(optimizer, [saves])
    for step in [BATCHES, 7, 2 * BATCHES]:
        went_on = run(optimizer, "continue", work / optimizer / f"step={step}.ckpt")
        near(f"{optimizer}, ours goes on from step {step}", went_on, theirs[step:], 4 * BATCHES - step)
print("runs went on in the other program, to 1e-6")
