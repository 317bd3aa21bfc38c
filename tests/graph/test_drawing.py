"""The drawings show every stage, every edge, and what runs side by side."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from metaflow_anywhere.graph import Graph, needed, satisfied
from metaflow_anywhere.graph.drawing import FORMATS

GRAPH = Graph({"start-db": [], "start-service": ["start-db"], "start-ui": ["start-db"],
               "proxy": ["start-service", "start-ui"]})  # fmt: skip


def test_text_is_a_tree_that_names_other_needs_and_companions() -> None:
    assert FORMATS["text"](GRAPH, {}).splitlines() == [
        "start-db",
        "├─ start-service  ∥ start-ui",
        "└─ start-ui       ∥ start-service",
        "   └─ proxy       needs start-service too",
    ]


def test_states_stand_beside_the_stages() -> None:
    drawn = FORMATS["text"](GRAPH, {"start-db": satisfied("it answers"), "proxy": needed("it is not running")})
    assert "● already up: it answers" in drawn
    assert "○ needed: it is not running" in drawn


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_every_edge_is_in_the_source_for_other_programs(form: str) -> None:
    drawn = FORMATS[form](GRAPH, {})
    arrow = {"mermaid": "{} --> {}", "dot": '"{}" -> "{}"'}[form]
    for name in GRAPH:
        for need in GRAPH.needs[name]:
            pair = (need, name) if form == "dot" else (need.replace("-", "_"), name.replace("-", "_"))
            assert arrow.format(*pair) in drawn


def test_svg_is_well_formed_and_shows_companions_side_by_side() -> None:
    root = ElementTree.fromstring(FORMATS["svg"](GRAPH, {"proxy": needed("<markup> & such")}))
    names = {text.text: text.get("y") for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert set(names) == set(GRAPH)
    assert names["start-service"] == names["start-ui"] != names["proxy"]
