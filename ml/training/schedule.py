"""The schedule: picture sizes, epochs and learning rates."""

from dataclasses import dataclass

import numpy as np

_STEP = 8  # px between the sizes of a phase


@dataclass(frozen=True)
class Phase:
    """`epochs` with pictures of `size` px, or, batch by batch, of a random size from `smallest` to `size`."""

    size: int
    epochs: int
    smallest: int | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of batches, the largest last."""
        return tuple(range(self.size, (self.smallest or self.size) - 1, -_STEP))[::-1]


def parse_sizes(text: str) -> tuple[Phase, ...]:
    """ "48x2,64x3,80x4" → two epochs at 48 px, three at 64, four at 80; "72-160x9" → nine at sizes from 72 to 160 px.

    Raises:
        ValueError: the text has another form, or a size is below 32.
    """
    phases = []
    for item in text.split(","):
        sizes, _, epochs = item.strip().partition("x")
        first, _, last = sizes.partition("-")
        known = first.isdigit() and (last or first).isdigit() and epochs.isdigit()
        if not (known and 32 <= int(first) <= int(last or first) and int(epochs) >= 1):
            raise ValueError(f"{item!r} is not SIZExEPOCHS, such as 64x3 with a size of at least 32")
        phases.append(Phase(int(last or first), int(epochs), int(first) if last else None))
    return tuple(phases)


@dataclass(frozen=True)
class Schedule:
    """Attributes:
    phases: small pictures first, which teach most of it at half the cost.
    steps: per epoch.
    frozen_steps: at the start, only the heads are trained, so that their random first gradients do no damage.
    learning_rate: the peak, after a linear warm-up; then half a cosine down to a hundredth.
    head_learning_rate: while the backbone is frozen.
    """

    phases: tuple[Phase, ...]
    steps: int
    frozen_steps: int = 0
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    warmup_steps: int = 200

    @property
    def epochs(self) -> int:
        return sum(phase.epochs for phase in self.phases)

    def is_over(self, epoch: int, *, best: int | None, patience: int) -> bool:
        """Whether training ends before `epoch`.

        Args:
            best: the best epoch so far.
            patience: stop after this many epochs at the last size without improvement; 0 trains all epochs. Epochs at
                smaller sizes never stop the training.
        """
        if epoch >= self.epochs:
            return True
        waiting_since = max(best or 0, self.epochs - self.phases[-1].epochs - 1)
        return bool(patience) and best is not None and epoch - 1 - waiting_since >= patience

    def size_of(self, epoch: int) -> int:
        """The largest size of an epoch, at which it is evaluated."""
        return self._phase(epoch).size

    def sizes_of(self, epoch: int) -> tuple[int, ...]:
        """All sizes of an epoch, the largest last."""
        return self._phase(epoch).sizes

    def _phase(self, epoch: int) -> Phase:
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]

    def rate_at(self, step: int) -> float:
        """The learning rate of a step; steps count from the start of the training."""
        if step < self.frozen_steps:
            return self.head_learning_rate
        done = step - self.frozen_steps
        warmup = min(self.warmup_steps, max(1, self.epochs * self.steps // 10))
        if done < warmup:
            return self.learning_rate * (done + 1) / warmup
        progress = (done - warmup) / max(1, self.epochs * self.steps - self.frozen_steps - warmup)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * min(progress, 1.0)))))

    def cost_left(self, epoch: int, step: int) -> float:
        """The work from (epoch, step) to the end, in pixels of a picture times steps, for the ETA."""
        left = (self.steps - step) * self.size_of(epoch) ** 2
        return left + sum(self.steps * self.size_of(later) ** 2 for later in range(epoch + 1, self.epochs))
