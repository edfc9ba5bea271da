"""A program for test_fit: the losses of eight training steps in float64, by as many processes as were started."""

import dataclasses
import json
import sys

import torch

from training import data
from training.fit import step
from training.parallel import accelerator
from training.recipes.registry import find_recipe
from training.run import Run
from training.run_folder import RunFolder
from training.settings import Settings

torch.set_num_threads(1)
recipe = dataclasses.replace(
    find_recipe("fast", "cifar10", ""), stages=((16, 1),), batch_size=32, objective=sys.argv[2]
)
settings = Settings(arch="vgg-att3-concat-dp", dataset="cifar10", recipe=recipe, width=0.125, limit=256)
pictures, place = data.load("cifar10", sys.argv[1]), accelerator("cpu")
torch.set_default_dtype(torch.float64)  # of the weights
run = Run(settings, pictures, RunFolder("unused"), place)
run.wrapped.train()
generator, losses = torch.Generator().manual_seed(0), []
for number, index in enumerate(torch.randperm(256, generator=generator).split(32)):
    batch = run.batches.draw(index, 16, generator, number)
    wide = [x.double() if torch.is_tensor(x) and x.is_floating_point() else x for x in batch]
    losses.append(place.reduce(step(run, number, *wide))[0, 0].item() / 32)
if place.is_main_process:
    print(json.dumps({"processes": place.num_processes, "losses": losses}))
