"""Random choices for one piece of a page, all from its seed."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

#: Size of every page in CSS pixels.
WIDTH, HEIGHT = 256, 144
#: Frames of every page, at 30 per second.
FRAMES = 30

T = TypeVar("T")


class Draw:
    """Draws values; the same seed draws the same ones.

    Args:
        seed: Decides on the values.
        name: Id of the element that the piece makes or belongs to.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(seed)
        self.id = name

    def pick(self, *values: T) -> T:
        return self._random.choice(values)

    def some(self, values: Sequence[T], most: int) -> list[T]:
        """Draw one to `most` different values."""
        return self._random.sample(values, self._random.randint(1, min(most, len(values))))

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def number(self, low: float, high: float, digits: int = 2) -> float:
        return round(self._random.uniform(low, high), digits)

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def ms(self, low: int = 0, high: int = 900) -> int:
        """Draw a time; half of the times are those of frames, where most differences are."""
        if self.chance(0.5):
            return round(self.whole(low * 3 // 100, high * 3 // 100) * 100 / 3)
        return self.whole(low, high)

    def px(self, low: float, high: float) -> str:
        return f"{self.number(low, high, self.pick(0, 0, 1))}px"

    def color(self) -> str:
        red, green, blue = (self.whole(0, 255) for _ in range(3))
        if self.chance(0.2):
            return f"rgb({red} {green} {blue} / {self.number(0.2, 0.9)})"
        return f"#{red:02x}{green:02x}{blue:02x}"

    def easing(self) -> str:
        return self.pick(
            "linear",
            "linear",
            "ease",
            "ease-in-out",
            "steps(5)",
            "steps(3, jump-none)",
            "cubic-bezier(.4, -.6, .3, 1.6)",
            "linear(0, 0.4 30%, 1)",
        )

    def place(self) -> str:
        """Draw declarations for the position of an element."""
        left, top = self.whole(-10, WIDTH - 70), self.whole(-10, HEIGHT - 50)
        fraction = self.pick(0, 0, 0.5, 0.3)
        width, height = self.whole(24, 96), self.whole(18, 64)
        return (
            f"position: absolute; left: {left + fraction}px; top: {top}px;"
            f" width: {width}px; height: {height}px"
        )

    def transform(self) -> str:
        """Draw a list of transform functions."""
        functions: list[Callable[[], str]] = [
            lambda: f"translate({self.px(-40, 40)}, {self.px(-20, 20)})",
            lambda: f"translateX({self.number(-60, 60)}%)",
            lambda: f"rotate({self.number(-180, 180, 1)}deg)",
            lambda: f"scale({self.number(0.4, 1.8)})",
            lambda: f"scaleX({self.number(0.4, 1.8)})",
            lambda: f"skewX({self.number(-30, 30, 1)}deg)",
            lambda: f"matrix(1, {self.number(-0.4, 0.4)}, 0.2, 1, {self.whole(-9, 9)}, 3)",
        ]
        return " ".join(make() for make in self.some(functions, 2))

    def transform_3d(self) -> str:
        """Draw a list of 3D transform functions."""
        functions: list[Callable[[], str]] = [
            lambda: f"rotateX({self.number(-80, 80, 1)}deg)",
            lambda: f"rotateY({self.number(-80, 80, 1)}deg)",
            lambda: f"translateZ({self.px(-60, 60)})",
            lambda: f"rotate3d(1, 1, 0, {self.number(-90, 90, 1)}deg)",
            lambda: f"scale3d({self.number(0.5, 1.5)}, {self.number(0.5, 1.5)}, 1)",
        ]
        return f"perspective(300px) {' '.join(make() for make in self.some(functions, 2))}"

    def filter(self) -> str:
        """Draw a list of filter functions."""
        functions: list[Callable[[], str]] = [
            lambda: f"blur({self.px(0, 5)})",
            lambda: f"brightness({self.number(0.4, 1.6)})",
            lambda: f"hue-rotate({self.whole(0, 300)}deg)",
            lambda: f"contrast({self.number(0.4, 1.8)})",
            lambda: f"drop-shadow({self.px(0, 6)} {self.px(0, 6)} {self.px(0, 4)} {self.color()})",
            lambda: f"saturate({self.number(0, 2)})",
            lambda: f"invert({self.number(0, 1)})",
        ]
        return " ".join(make() for make in self.some(functions, 2))

    def clip(self) -> str:
        """Draw a clip path that can be interpolated with others of its form."""
        return f"inset({self.whole(0, 30)}% {self.whole(0, 30)}% round {self.whole(0, 12)}px)"

    def shadow(self) -> str:
        return f"{self.px(-8, 8)} {self.px(-8, 8)} {self.px(0, 12)} {self.color()}"

    def gradient(self) -> str:
        first, second = self.color(), self.color()
        return self.pick(
            f"linear-gradient({self.whole(0, 360)}deg, {first}, {second})",
            f"radial-gradient(circle at {self.whole(0, 100)}% 40%, {first}, {second})",
            f"conic-gradient(from {self.whole(0, 360)}deg, {first}, {second}, {first})",
            f"repeating-linear-gradient(45deg, {first} 0 6px, {second} 6px 13px)",
        )

    def change(self) -> tuple[str, str, str]:
        """Draw a property that can be animated, and two values of it."""
        kinds: list[tuple[str, Callable[[], str]]] = [
            ("transform", self.transform),
            ("transform", self.transform),
            ("transform", self.transform_3d),
            ("translate", lambda: f"{self.px(-40, 40)} {self.px(-20, 20)}"),
            ("rotate", lambda: f"{self.number(-180, 180, 1)}deg"),
            ("scale", lambda: f"{self.number(0.4, 1.8)}"),
            ("opacity", lambda: f"{self.pick(0, 0.3, 0.5, 1, self.number(0, 1))}"),
            ("opacity", lambda: f"{self.pick(0, 1)}"),
            ("background-color", self.color),
            ("color", self.color),
            ("left", lambda: self.px(0, 180)),
            ("width", lambda: self.px(10, 120)),
            ("height", lambda: self.px(10, 80)),
            ("margin-top", lambda: self.px(-10, 30)),
            ("padding", lambda: self.px(0, 16)),
            ("border-radius", lambda: self.px(0, 30)),
            ("box-shadow", self.shadow),
            ("text-shadow", self.shadow),
            ("filter", lambda: f"blur({self.px(0, 6)})"),
            ("filter", lambda: f"hue-rotate({self.whole(0, 300)}deg)"),
            ("backdrop-filter", lambda: f"blur({self.px(0, 6)})"),
            ("clip-path", self.clip),
            ("letter-spacing", lambda: self.px(-1, 6)),
            ("font-size", lambda: self.px(9, 30)),
            ("background-position", lambda: f"{self.px(0, 60)} {self.px(0, 20)}"),
            ("background-size", lambda: f"{self.px(8, 60)} {self.px(8, 60)}"),
            ("outline-offset", lambda: self.px(0, 8)),
            ("transform-origin", lambda: f"{self.whole(0, 100)}% {self.whole(0, 100)}%"),
            ("offset-distance", lambda: f"{self.whole(0, 100)}%"),
            ("line-height", lambda: f"{self.number(0.6, 1.6)}"),
            ("visibility", lambda: self.pick("visible", "hidden")),
        ]
        name, value = self.pick(*kinds)
        return name, value(), value()
