#!/usr/bin/env python3
"""Small checkpoints of the real Lightning and torch, for tests without Python: each with the JSON of what it holds.

usage: make_files.py FOLDER        (torch 2.15.0, pytorch-lightning 2.6.6)
"""
import collections, json, logging, pathlib, sys, warnings

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Model(pl.LightningModule):
    def __init__(self, width=3, lr=0.01, optimizer="AdamW", name="small", tags=("a", "b")):
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 1))

    def training_step(self, batch, batch_idx):
        return (self.net(batch) ** 2).mean()

    def validation_step(self, batch, batch_idx):
        self.log("val", self.net(batch).mean())

    def configure_optimizers(self):
        kind = getattr(torch.optim, self.hparams.optimizer)
        options = {"momentum": 0.9} if self.hparams.optimizer == "SGD" else {}
        optimizer = kind(self.parameters(), lr=self.hparams.lr, **options)
        steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 1, 3])
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
        return [optimizer], [steps, {"scheduler": cosine, "interval": "step"}]


def train(folder, **options):
    pl.seed_everything(1)
    data = torch.utils.data.DataLoader(torch.randn(12, 2), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", devices=1, default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[ModelCheckpoint(folder, monitor="val"), EarlyStopping("val", patience=7)])
    model = Model(**options)
    trainer.fit(model, data, data)
    return trainer, model


def resume(folder, checkpoint, **options):
    """The weights after two more epochs from a checkpoint."""
    pl.seed_everything(2)
    data = torch.utils.data.DataLoader(torch.randn(12, 2), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=4, accelerator="cpu", devices=1, default_root_dir=folder, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, callbacks=[EarlyStopping("val", patience=7)])
    model = Model(**options)
    trainer.fit(model, data, data, ckpt_path=checkpoint, weights_only=True)
    return list(model.parameters())


def described(x):
    """What a State holds of it; of tensors their type, shape and numbers."""
    if isinstance(x, torch.Tensor):
        return {"tensor": [str(x.dtype), list(x.shape), x.detach().double().flatten().tolist()]}
    if isinstance(x, dict):
        return {"map": [[k, described(v)] for k, v in x.items()]}
    if isinstance(x, (list, tuple)):
        return {type(x).__name__: [described(v) for v in x]}
    return x


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for optimizer in ["AdamW", "SGD"]:
        trainer, _ = train("/tmp/lightning_run", optimizer=optimizer)
        trainer.save_checkpoint(folder / f"lightning_{optimizer.lower()}.ckpt")
    for protocol in range(2, 6):
        x = torch.arange(6.0).reshape(2, 3)
        value = {"shared": [x, x.t(), x[1:]], "counter": collections.Counter([2, 2]), 5: (1, 2.5, None, True, "ä"),
                 "half": torch.ones(2, dtype=torch.bfloat16), "new": torch.tensor([1, 2], dtype=torch.uint16),
                 "big": 2**40, "ordered": collections.OrderedDict(a=torch.nn.Parameter(torch.zeros(1)))}
        torch.save(value, folder / f"torch_protocol{protocol}.ckpt", pickle_protocol=protocol)
    for path in sorted(folder.glob("*.ckpt")):
        made[path.name] = described(torch.load(path, weights_only="torch_protocol" not in path.name))
    (folder / "expected.json").write_text(json.dumps(made, separators=(",", ":"), allow_nan=False) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
