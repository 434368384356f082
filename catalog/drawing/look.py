"""What a product is made of: the colours, pattern and cut that its drawing function reads."""

from dataclasses import dataclass
from random import Random

from .palette import RGB, Colour, brightness, darker, lighter
from .patterns import Paint


@dataclass(frozen=True)
class Look:
    """Colours, pattern and cut of one product.

    `cut` is a seeded source of the choices that siblings share (neckline, heel, strap); what differs between
    siblings comes from the other source of chance that a drawing function is given.
    """

    colour: Colour
    accent: Colour
    pattern: str
    cut: Random
    grain: str = ""
    pitch: float = 26.0

    def cloth(self, split: float = 300.0, pitch: float = 1.0) -> Paint:
        """The product's main fabric; `split` is where a colour block or a fade begins."""
        return Paint(
            self.colour.rgb,
            self.accent.rgb,
            self.pattern,
            pitch=self.pitch * pitch,
            split=split,
            grain=self.grain,
        )

    def plain(self, shade: float = 0.0) -> Paint:
        """The main colour without its pattern, darkened by `shade` (lightened when negative)."""
        return self.cloth().plain(shade)

    def trim(self) -> Paint:
        """The accent colour where the product has two, else its own colour."""
        return self.plain(0.08) if self.pattern == "plain" else Paint(self.accent.rgb, grain=self.grain)

    def seam(self) -> RGB:
        """A line that shows on the main colour: darker on a light one, lighter on a dark one."""
        rgb = self.colour.rgb
        return darker(rgb, 0.42) if brightness(rgb) > 75 else lighter(rgb, 0.34)
