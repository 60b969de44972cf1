"""Settings of a model: its network, how it is trained, how it is applied."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tomocell.errors import Fault
from tomocell.settings.base import Frozen
from tomocell.settings.types import Count
from tomocell.training.augment_settings import AugmentSettings
from tomocell.training.settings import SamplingSettings, SplitSettings

Edges = tuple[Count, Count] | tuple[Count, Count, Count]
Blend = Literal["even", "gaussian"]
CUBE = 3


class TrainSettings(Frozen):
    """How a model is trained; what changes the weights, and nothing else."""

    epochs: int = Field(10, ge=1, description="Passes through the training set, at most.")
    patches_per_plane: int = Field(
        16,
        ge=1,
        description="Patches drawn from each labelled plane (cubes: from each tile that holds labels) in an epoch.",
    )
    batch_size: int = Field(16, ge=1, description="Patches per batch, over all ranks together.")
    accumulate_batches: int = Field(
        1, ge=1, description="Batches whose gradients are averaged before a step, where memory holds no larger batch."
    )
    loss: str = Field("cross_entropy", description="Module of tomocell.training.losses.")
    loss_settings: dict[str, Any] = Field({}, description="Settings of that loss.")
    class_weights: dict[str, float] = Field({}, description="Weight of a class in the loss; 1 where not given.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's step size at the beginning.")
    least_learning_rate: float = Field(1e-6, ge=0, description="Where the schedule ends.")
    schedule: Literal["plateau", "cosine", "constant"] = Field(
        "plateau",
        description="plateau: the step shrinks where the validation loss stands still. cosine: it falls along a cosine "
        "over 'epochs'. constant: it stays.",
    )
    plateau_epochs: int = Field(
        10, ge=1, description="plateau: epochs without a better validation loss before the step shrinks."
    )
    plateau_factor: float = Field(0.2, gt=0, lt=1, description="plateau: what the step is multiplied by.")
    patience_epochs: int = Field(
        10, ge=1, description="Epochs without better validation accuracy before training ends."
    )
    time_min: float | None = Field(
        None,
        gt=0,
        description="Minutes after which training ends, those before a kill included; null: no limit. The weights then "
        "depend on the machine's speed.",
    )
    clip_norm: float | None = Field(None, gt=0, description="Longest gradient; longer ones are shortened to it.")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Judge and keep weights averaged over steps, each counting this much less than the next (0.999); "
        "null: the weights as they are.",
    )
    seed: int = Field(
        0,
        ge=0,
        description="Seed of weights, patches and augmentation; the same weights, to the byte, need as many ranks and "
        "threads as before, as sums are rounded in their order.",
    )
    validation: tuple[str, ...] = Field(
        (),
        description="Timesteps ('timestep' or 'series/timestep') held out for validation; none: the last labelled one.",
    )
    augment: AugmentSettings = Field(AugmentSettings(), description="What is done to patches.")
    precision: Literal["auto", "32", "16-mixed", "bf16-mixed"] = Field(
        "auto",
        description="Arithmetic. auto: bf16-mixed on GPUs from A100 on, 16-mixed on older ones (V100), 32 on a CPU.",
    )


class InferSettings(Frozen):
    """How a model is applied."""

    tile_voxels: Edges = Field(
        (512, 512),
        description="Tile, rows by columns of the plane; for a 3D network a cube, (Z, Y, X). Networks of cubes learn "
        "where faces are, swin_unetr also normalises over what it sees: give them the cube they were trained on.",
    )
    overlap: float = Field(0.25, ge=0, lt=1, description="Share of a tile that neighbouring tiles share.")
    blend: Blend = Field(
        "even", description="Weights of overlapping tiles: all even, or gaussian, an eighth of the tile wide (SD)."
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Tiles through the network at once; null: what memory allows, halved where it does not.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Arithmetic of the network; auto: bfloat16 on GPUs that have it, float32 elsewhere. bfloat16 can "
        "change labels where classes nearly tie.",
    )
    normalise: Literal["model", "volume"] = Field(
        "model",
        description="Grey values are scaled by the mean and SD of the model's training set, or by the volume's own, "
        "for volumes of another range of grey values.",
    )
    probabilities: bool = Field(
        default=False,
        description="Also write probabilities/<class>.ome.zarr, 255 times the probability, and the confidence a class.",
    )
    entropy: bool = Field(
        default=False,
        description="Also write entropy.ome.zarr, 255 times the entropy over its greatest possible value.",
    )
    flips: bool = Field(
        default=False,
        description="Average logits over all mirror images of a tile (4 of planes, 8 of cubes: as much more time), and "
        "write spread.ome.zarr.",
    )
    dropout_samples: int = Field(
        0,
        ge=0,
        description="Passes with dropout left on, their logits averaged (times that of the mirror images); writes "
        "spread.ome.zarr, 510 times the SD of the probability of the class where it is largest.",
    )
    processes: int | None = Field(
        None,
        ge=1,
        description="Processes that share a volume out in slabs; null: one a visible GPU, one without any. Threads and "
        "memory are divided among them.",
    )


class ModelSettings(Frozen):
    """A network and all that makes it a model."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Folder of results/models.")
    architecture: str = Field("residual_unet", description="Module of tomocell.models.")
    network: dict[str, Any] = Field({}, description="Settings of that network.")
    classes: tuple[str, ...] = Field(
        min_length=2, description="What the network tells apart, in the order of its outputs."
    )
    trained: bool = Field(
        default=False,
        description="The model stands in results/models/<name> already, your own or one trained elsewhere: train none.",
    )
    plane_axis: Literal["z", "y", "x"] = Field("y", description="Axis across the planes that the network sees.")
    planes: int = Field(
        1,
        ge=1,
        description="Neighbouring planes that the network sees at once, the labelled one in the middle (2.5D); odd.",
    )
    patch_voxels: Edges = Field(
        (512, 512), description="Patch, rows by columns of the plane; for a 3D network a cube, (Z, Y, X)."
    )
    sampling: SamplingSettings = Field(SamplingSettings(), description="Where patches lie.")
    split: SplitSettings = Field(SplitSettings(), description="Which labels train and which only judge.")
    train: TrainSettings = Field(TrainSettings(), description="How it is trained.")
    infer: InferSettings = Field(InferSettings(), description="How it is applied.")
    checkpoint_min: float = Field(
        10,
        gt=0,
        description="Minutes between checkpoints within an epoch, from which a killed training goes on; after each "
        "epoch there is one anyway.",
    )
    tensorboard: bool = Field(
        default=False, description="Write the curves for TensorBoard, too, to results/tensorboard/<name>."
    )

    @property
    def what_trains(self) -> dict[str, Any]:
        """The settings that change the weights, as JSON has them."""
        return self.model_dump(mode="json", exclude={"infer", "checkpoint_min", "tensorboard"})

    @classmethod
    def that_trains(cls, values: dict[str, Any]) -> Self:
        """Return the settings of which ``values`` are ``what_trains``; its tiles are its patches."""
        return cls.model_validate({**values, "infer": {"tile_voxels": values["patch_voxels"]}})

    @property
    def sees_cubes(self) -> bool:
        """Whether the network is of three dimensions."""
        return len(self.patch_voxels) == CUBE

    def patch_fault(self, shape: tuple[int, int, int], where: str) -> Fault | None:
        """Return what is wrong with patches larger than a volume of ``shape``, where they are not to be mirrored."""
        across = None if self.sees_cubes else "zyx".index(self.plane_axis)
        seen = tuple(size for axis, size in enumerate(shape) if axis != across)
        if self.sampling.mirror or all(edge <= size for edge, size in zip(self.patch_voxels, seen, strict=True)):
            return None
        expected = f"at most {seen}, what {where} has"
        remedy = "give smaller patches, or set model.sampling.mirror: true to fill them with mirror images"
        return Fault("model.patch_voxels", self.patch_voxels, expected, remedy)

    @model_validator(mode="after")
    def _rare_classes_of_its_own(self) -> Self:
        unknown = sorted(set(self.sampling.rare_classes) - set(self.classes))
        if unknown:
            msg = f"'sampling.rare_classes' names {', '.join(unknown)}; expected classes of the model"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _patches_as_tiles(self) -> Self:
        if len(self.patch_voxels) != len(self.infer.tile_voxels):
            msg = "expected 'patch_voxels' and 'infer.tile_voxels' of as many edges: two of planes, three of cubes"
            raise ValueError(msg)
        if self.sees_cubes and self.planes != 1:
            msg = f"found {self.planes} 'planes' for a network of cubes; leave 'planes' out"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _a_plane_in_the_middle(self) -> Self:
        if self.planes % 2 == 0:
            msg = f"expected an odd number of 'planes', so that one is in the middle; found {self.planes}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _weights_of_its_classes(self) -> Self:
        unknown = sorted(set(self.train.class_weights) - set(self.classes))
        if unknown:
            msg = f"'train.class_weights' names {', '.join(unknown)}; expected classes of the model"
            raise ValueError(msg)
        return self
