"""The graph checks its edges and orders its stages, whatever they are."""

import pytest

from metaflow_anywhere.graph import Graph, GraphError

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_waves_hold_what_can_run_at_the_same_time() -> None:
    assert list(Graph(DIAMOND).waves()) == [["a"], ["b", "c"], ["d"]]


def test_a_circle_is_refused_and_named() -> None:
    with pytest.raises(GraphError) as caught:
        Graph({"a": ["c"], "b": ["a"], "c": ["b"]})
    assert "circle" in str(caught.value)
    assert all(name in caught.value.why for name in "abc")


def test_a_stage_that_needs_itself_is_a_circle_too() -> None:
    with pytest.raises(GraphError, match="circle"):
        Graph({"a": ["a"]})


def test_an_unknown_stage_in_an_edge_is_named_with_the_likely_one() -> None:
    with pytest.raises(GraphError) as caught:
        Graph({"start-db": [], "proxy": ["start-bd"]})
    assert "proxy needs start-bd" in str(caught.value)
    assert "did you mean start-db?" in caught.value.why


def test_the_reversed_graph_waits_for_those_that_needed_it() -> None:
    assert list(Graph(DIAMOND).reversed().waves()) == [["d"], ["c", "b"], ["a"]]
