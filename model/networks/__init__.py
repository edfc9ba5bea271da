"""The networks. Read attention, attending and vgg first, then resnet, baselines and zoo."""
