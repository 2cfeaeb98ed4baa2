# SPDX-License-Identifier: Apache-2.0
"""pgbench with a script of one's own, as people measure sequences with it."""
import subprocess

import pytest

import servers


@pytest.fixture
def pgbench(backend, tmp_path):
    """pgbench(script, words...) gives what was printed, and how it ended."""

    def run(script, *words):
        path = tmp_path / "script.sql"
        path.write_text(script, encoding="ascii")
        done = subprocess.run([servers.POSTGRES_BIN / "pgbench", "-n", "-f", path, *words],
                              text=True, env=backend.env(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        return done.stdout, done.returncode

    return run


def checked(mode, check):
    return pytest.param(mode, marks=pytest.mark.field("pgbench", check), id=mode)


@pytest.mark.parametrize("mode", [checked("simple", "ids"), checked("extended", "extended"),
                                  checked("prepared", "prepared")])
def test_ten_thousand_ids_over_four_connections(backend, pgbench, sequence, mode):
    name = sequence()
    said, code = pgbench(f"SELECT nextval('{name}');\n", "-M", mode, "-c", "4", "-j", "2",
                         "-t", "2500")
    assert code == 0, said
    assert "number of transactions actually processed: 10000/10000" in said
    # Had one come twice, this one would come too early.
    assert int(backend.sql(f"SELECT nextval('{name}')")) >= 10001


@pytest.mark.field("pgbench", "rows")
def test_ids_are_read_into_variables(pgbench, sequence):
    name = sequence()
    said, code = pgbench(f"SELECT nextval('{name}') AS before \\gset\n"
                         f"SELECT nextval('{name}') AS after \\gset\n"
                         "\\if :after <= :before\nSELECT 1 / 0;\n\\endif\n",
                         "-c", "4", "-t", "100")
    assert code == 0 and "processed: 400/400" in said, said


@pytest.mark.field("pgbench", "pipeline")
def test_a_pipeline(backend, pgbench, sequence):
    name = sequence()
    one = f"SELECT nextval('{name}');\n"
    said, code = pgbench(f"\\startpipeline\n{one * 10}\\endpipeline\n", "-M", "prepared",
                         "-t", "100")
    assert code == 0, said
    assert int(backend.sql(f"SELECT nextval('{name}')")) >= 1001


@pytest.mark.field("pgbench", "transaction")
def test_a_block(backend, pgbench, sequence):
    name = sequence()
    said, code = pgbench(f"BEGIN;\nSELECT nextval('{name}');\nROLLBACK;\n", "-t", "100")
    assert code == 0, said
    assert int(backend.sql(f"SELECT nextval('{name}')")) >= 101


@pytest.mark.field("pgbench", "unknown")
def test_an_unknown_sequence(pgbench):
    said, code = pgbench("SELECT nextval('no_such_sequence');\n", "-t", "1")
    assert 'relation "no_such_sequence" does not exist' in said
    assert code == 2


@pytest.mark.field("pgbench", "exhausted")
def test_a_used_up_sequence(pgbench, sequence):
    name = sequence("MAXVALUE 3")
    said, code = pgbench(f"SELECT nextval('{name}');\n", "-t", "4")
    assert f'nextval: reached maximum value of sequence "{name}" (3)' in said
    assert "processed: 3/4" in said
    assert code == 2
