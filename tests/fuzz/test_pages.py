"""Pages that are drawn from seeds."""

import asyncio

import pytest

from fuzz.pages.kinds import EFFECTS, ELEMENTS
from fuzz.pages.page import make_page
from fuzz.pages.pending import PENDING
from fuzz.pages.shrink import shrink
from fuzz.pages.tree import Forest, Node, grow, smaller

KINDS = {*ELEMENTS, *EFFECTS}


def kinds(forest: Forest) -> list[str]:
    return [kind for node in forest for kind in node.kinds()]


def test_the_same_seed_gives_the_same_page() -> None:
    assert make_page(grow(7)) == make_page(grow(7))
    assert make_page(grow(7)) != make_page(grow(8))


def test_every_kind_occurs() -> None:
    assert {kind for seed in range(1500) for kind in kinds(grow(seed))} == KINDS


def test_kinds_can_be_left_out_and_asked_for() -> None:
    assert "video" not in {
        kind for seed in range(300) for kind in kinds(grow(seed, without=["video"]))
    }
    assert all("video" in kinds(grow(seed, only=["video"])) for seed in range(20))


def test_kinds_that_are_pending_exist() -> None:
    assert PENDING.keys() <= KINDS


@pytest.mark.parametrize("seed", range(40))
def test_what_is_smaller_lacks_something(seed: int) -> None:
    forest = grow(seed)
    for less in smaller(forest):
        assert len(kinds(less)) < len(kinds(forest))


def test_what_stays_in_a_smaller_page_stays_as_it_was() -> None:
    forest = (Node("box", 1), Node("paragraph", 2, (("blended", 3), ("masked", 4))))
    less = (Node("paragraph", 2, (("masked", 4),)),)
    assert less[0].effects[0] == forest[1].effects[1]
    text = make_page(less).files["index.html"]
    assert make_page((forest[1],)).files["index.html"].count("font-size") == text.count("font-size")


def test_a_page_is_made_smaller_as_long_as_the_difference_stays() -> None:
    inner = Node("video", 3, (("masked", 4),))
    forest = (Node("box", 1), Node("group", 2, (("clipped", 5),), (inner, Node("box", 6))))

    async def differs(less: Forest) -> bool:
        return "video" in kinds(less)

    assert asyncio.run(shrink(forest, differs)) == (Node("video", 3),)


@pytest.mark.parametrize("inside", ["font_by_script", "web_font_text", "worker_each_frame"])
def test_frames_whose_files_need_the_origin_are_not_sandboxed(inside: str) -> None:
    def sandboxed(*content: Node) -> bool:
        frames = [Node("frame_of_markup", seed, (), content) for seed in range(20)]
        return any("sandbox" in make_page((frame,)).files["index.html"] for frame in frames)

    assert sandboxed(Node("box", 1))
    assert not sandboxed(Node(inside, 1))
    assert not sandboxed(Node("frame_of_a_file", 2, (), (Node(inside, 1),)))


def test_declared_shadow_trees_in_a_shadow_tree_are_parsed_as_such() -> None:
    def page(*content: Node) -> str:
        return make_page((Node("shadow_tree", 1, (), content),)).files["index.html"]

    assert "shadow.innerHTML = " in page(Node("box", 1))
    assert "shadow.setHTMLUnsafe(" in page(Node("declared_shadow_tree", 2, (), (Node("box", 1),)))
