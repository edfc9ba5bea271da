"""Training from scratch.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-dp --width 0.25 --recipe fast --out runs/dp

Each epoch draws its order, augmentation and dropout from (seed, epoch) alone. A state that is saved within an epoch
also holds the generators. So a resumed run gives the same result as an uninterrupted one, bit for bit on a CPU. With
several processes (``accelerate launch -m training fit ...``) each takes its slice of the same global batch.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor
from tqdm import tqdm

from training.run import Run
from training.run_folder import RunError
from training.state import part_way, take_up
from training.stopping import Stopped


def fit(run: Run, show: bool = True, save_every: int = 0) -> None:
    """Trains to the recipe's last epoch. Then measures the test split once, unless pictures were held out.

    Args:
        run: new, or taken up from its folder.
        show: draw a progress bar on stderr.
        save_every: number of steps between saved states; 0 saves at the end of each epoch only.

    Raises:
        Stopped: a signal asked the run to stop; the state is saved.
        RunError: the loss is not finite, or the folder can no longer be written.
    """
    main, state = run.accelerator.is_main_process, run.state
    while state.epoch < run.recipe.epochs:
        row = train_epoch(run, show and main, save_every)
        state.epoch += 1
        state.history.append(row)
        if main:
            net = run.averaged_network()
            best = run.settings.holdout > 0 and run.measure_held_out(net, row)
            run.folder.save_checkpoint(net, best)
            run.folder.save_history(state.history)
            print(describe(row, run.recipe.epochs), flush=True)
        state.save(run.folder, run.accelerator)
        if (stop := run.stop.everyone()) and state.epoch < run.recipe.epochs:
            raise Stopped(stop)
    if main and run.folder.has_results:
        print(f"{run.folder.path} holds a finished run: nothing is left to train")
    elif main:
        run.finish()
    run.accelerator.wait_for_everyone()


def train_epoch(run: Run, show: bool, save_every: int) -> dict:
    """One pass over the training pictures, or what is left of it; returns the row for metrics.jsonl.

    Raises:
        Stopped: a signal asked the run to stop; the state is saved.
        RunError: the loss is not finite.
    """
    state, size, total = run.state, run.recipe.batch_size, run.steps_per_epoch * run.recipe.batch_size
    side, seed = run.batches.side(state.epoch), run.settings.seed * 100_003 + state.epoch
    torch.manual_seed(seed + 1_000_003 * run.accelerator.process_index)  # dropout: other draws in each process
    generator = torch.Generator().manual_seed(seed)  # order and augmentation: the same in each
    order = run.shown[torch.randperm(len(run.shown), generator=generator)]
    sums = torch.zeros(len(run.objective.metrics), 2, device=run.device)  # sum and count of each
    first, earlier = take_up(state.partial, sums, generator, run.accelerator) if state.partial else (0, 0.0)
    state.partial = None
    began = time.perf_counter() - earlier
    run.wrapped.train()
    title = f"epoch {state.epoch + 1}/{run.recipe.epochs} at {side} px"
    with tqdm(total=total, initial=first * size, desc=title, unit="img", disable=not show, leave=False) as bar:
        for i in range(first, run.steps_per_epoch):
            number = state.epoch * run.steps_per_epoch + i
            index = order[i * size : (i + 1) * size]
            sums += step(run, number, *run.batches.draw(index, side, generator, number))
            last = i + 1 == run.steps_per_epoch
            if i % 10 == 9 or last:
                means = compute_means(run, add_up(run, sums))
                bar.update((i + 1) * size - bar.n)
                bar.set_postfix(loss=f"{means['loss']:.3f}", error=f"{100 * means['error']:.1f} %")
            stop = run.stop.everyone()
            if not last and (stop or (save_every and (i + 1) % save_every == 0)):
                seconds = time.perf_counter() - began
                state.partial = part_way(i + 1, seconds, add_up(run, sums), generator, run.device)
                state.save(run.folder, run.accelerator)
                state.partial = None
                if stop:
                    raise Stopped(stop)
    seconds = time.perf_counter() - began
    return {
        "epoch": state.epoch + 1,
        "side": side,
        "lr": run.optimiser.param_groups[0]["lr"],
        **{f"train_{name}": round(mean, 6) for name, mean in means.items()},
        "seconds": round(seconds, 2),
        "images_per_second": round(total / seconds, 1),
    }


def step(run: Run, number: int, *batch) -> Tensor:
    """One optimisation step on this process's slice; returns the sum and count of each reported number.

    Nothing here waits for the device, so that a GPU never waits for Python.
    """
    for group in run.optimiser.param_groups:
        group["lr"] = run.recipe.rate(number, run.steps)
    with run.precision():
        loss, sums = run.wrapped(*batch)
    run.optimiser.zero_grad(set_to_none=True)
    run.accelerator.backward(loss)
    run.optimiser.step()
    if run.recipe.ema:
        run.average.update(run.recipe.ema, number)
    values = [v for name in run.objective.metrics for v in sums[name]]
    numbers = [v if isinstance(v, Tensor) else loss.new_full((), v) for v in values]
    return torch.stack([v.to(loss.dtype) for v in numbers]).view(-1, 2)


def add_up(run: Run, sums: Tensor) -> Tensor:
    """The sums of all processes, on the CPU.

    Raises:
        RunError: the loss or a weight is not finite, so that neither is ever saved.
    """
    sums = run.accelerator.reduce(sums.clone()).cpu()
    if not torch.stack([v.isfinite().all() for v in (sums.to(run.device), *run.net.parameters())]).all():
        raise RunError(f"the loss is not finite in epoch {run.state.epoch + 1}: lower the learning rate (--lr)")
    return sums


def compute_means(run: Run, sums: Tensor) -> dict[str, float]:
    """The mean of each reported number, from sums and counts."""
    pairs = zip(run.objective.metrics, sums.tolist(), strict=True)
    return {name: total / max(1, count) for name, (total, count) in pairs}


def describe(row: dict, epochs: int) -> str:
    """One epoch as a line of text."""
    held_out = f", held-out error {100 * row['held_out_error']:.2f} %" if "held_out_error" in row else ""
    return (
        f"epoch {row['epoch']}/{epochs} at {row['side']} px: loss {row['train_loss']:.4f}, "
        f"training error {100 * row['train_error']:.2f} %{held_out}, "
        f"{row['seconds']:.0f} s, {row['images_per_second']:.0f} images/s"
    )
