"""A connection string means to libpq's own parser what we meant."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from metaflow_anywhere.postgres import libpq

ODD = st.text(
    st.one_of(st.sampled_from(" '\\=\"%#"), st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)


@given(ODD, ODD)
def test_every_value_arrives_as_it_is(host: str, passfile: str) -> None:
    found = conninfo_to_dict(libpq.conninfo(host=host, passfile=passfile, port=5432, dbname="metaflow"))
    assert found == {"host": host, "passfile": passfile, "port": "5432", "dbname": "metaflow"}
