"""Our recipe: a good network of a quarter of the width in an hour on two CPU cores.

    python -m training fit --dataset cifar10 --arch vgg-att3-concat-dp --width 0.25 --recipe fast --out runs/dp

One-cycle: a short warm-up, then a straight line to 0. Progressive resizing: the trunk is convolutional and the global
branch ends in an adaptive pool, so early epochs can run at 16 and 24 pixels, where they cost a quarter and a little
over half of a full one. No dropout: the paper's rates are made for 300 epochs. Weight decay spares biases and norms.
The averaged weights (EMA) are kept. Digits (SVHN) are not mirrored.
"""

from model.datasets import facts
from training.recipes import Recipe


def recipe(dataset: str, arch: str) -> Recipe:
    """Our settings for a data set; the same for every network."""
    return Recipe(
        name="fast",
        stages=((16, 6), (24, 4), (32, 5)),
        lr=0.12,
        warmup=0.15,
        nesterov=True,
        label_smoothing=0.1,
        ema=0.999,
        dropout=0.0,
        flip=facts(dataset).mirrored,
        crop=4,
    )
