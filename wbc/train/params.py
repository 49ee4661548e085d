"""Parameters of the heads: the section `train` of params.yaml."""

from typing import Annotated

import pydantic

from wbc.common.params import Section
from wbc.train.class_weights import ClassWeights

Units = Annotated[list[pydantic.PositiveInt], pydantic.Field(max_length=20)]  # of each block


class HeadParams(Section):
    """Shape and regularization of a head."""

    units: Units  # an empty list is softmax regression
    dropout: float = pydantic.Field(ge=0, lt=1)  # share of a block's outputs set to 0 in training
    l2: float = pydantic.Field(ge=0, le=1)  # weight decay of every Dense kernel, as a penalty on its squares
    standardize: bool  # the features, by their mean and standard deviation over the training images and their views


class OptimizerParams(Section):
    """Optimizer and end of training."""

    epochs: pydantic.PositiveInt
    batch_size: int = pydantic.Field(ge=2)  # batch normalization needs more than one row
    learning_rate: float = pydantic.Field(gt=0, le=1)  # of Adam, at the start
    label_smoothing: float = pydantic.Field(ge=0, lt=1)
    class_weights: ClassWeights
    reduce_factor: float = pydantic.Field(gt=0, lt=1)  # ReduceLROnPlateau: the learning rate is multiplied by it ...
    reduce_patience: pydantic.PositiveInt  # ... after this many epochs without a better validation loss
    stop_patience: pydantic.PositiveInt  # EarlyStopping: epochs without a better validation loss


class FitParams(Section):
    """Settings of one head: seed, shape and optimizer."""

    seed: int = pydantic.Field(ge=0, lt=2**32)
    head: HeadParams
    optimizer: OptimizerParams


class CrossvalParams(Section):
    """Heads of each fold of the cross-validation."""

    heads: int = pydantic.Field(ge=1, le=20)
    units: Units


class TrainParams(FitParams):
    """Section `train` of params.yaml."""

    crossval: CrossvalParams
