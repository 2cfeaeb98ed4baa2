# SPDX-License-Identifier: Apache-2.0
"""tools/tidy finds what it is there to find: each case is one sin in an otherwise clean tree."""
import pathlib
import subprocess

import pytest

TIDY = pathlib.Path(__file__).resolve().parents[2] / "tools" / "tidy"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
HEADER = SPDX + """
/**
 * Takes one.
 *
 * Blocks:   never
 * Threads:  any
 * Memory:   none
 * Errors:   none
 */
PAWL_API int pawl_one(void);
"""
SOURCE = SPDX + """#include "base/base.h"
#include "pawl/pawl.h"

int pawl_one(void)
{
    return 1;
}
"""
CLEAN = {
    "include/pawl/pawl.h": HEADER,
    "src/base/base.h": SPDX,
    "src/base/meson.build": "files('one.c')\n",
    "src/base/one.c": SOURCE,
    "src/cli/meson.build": "files('args.c', 'main.c')\n",
    "src/cli/main.c": SOURCE,
    "src/cli/options.def": SPDX + 'OPTION("count", \'n\', "N")\nOPTION("json", 0, "")\n',
    "src/cli/args.c": SPDX + '#include "cli/options.def"\n',
    "docs/man/pawl.1": ".Fl \\-count Ar N\n.Fl \\-json\n",
    "test/unit/meson.build": "foreach name : [\n  'one',\n]\n",
    "test/unit/one_test.c": SPDX,
}


def tidy(folder, tree):
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    done = subprocess.run([TIDY], cwd=folder, text=True, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == int(len(lines) > 1)
    return lines[:-1]


def test_a_clean_tree_has_no_finding(tmp_path):
    assert tidy(tmp_path, CLEAN) == []


def function(lines=1, parameters="void"):
    return f"\nint pawl_big({parameters})\n{{\n" + "    work();\n" * lines + "}\n"


SINS = [
    ("src/base/one.c", "#include", "/* no licence */\n#include", None),
    ("src/base/one.c", SPDX, "", "one.c:1: no SPDX"),
    ("src/base/one.c", SPDX, SPDX + "\n" * 600, "lines, at most 600"),
    ("src/base/one.c", "return 1;", "return 1; " + "/* " + "x" * 100 + " */", "columns, at most"),
    ("src/base/one.c", "return 1;", "return 1; ", "one.c:7: spaces at the end"),
    ("src/base/one.c", "return 1;", "return 1; /* TO" "DO */", "one.c:7: the word TO" "DO"),
    ("src/base/one.c", "\nint", function(68) + "\nint", "pawl_big has 71 lines"),
    ("src/base/one.c", "\nint", function(67) + "\nint", None),
    ("src/base/one.c", "\nint", function(1, "int a, int b, int (*c)(int, int), int d, int e")
     + "\nint", None),
    ("src/base/one.c", "\nint", function(1, "int a, int b,\n int c, int d, int e, int f") + "\nint",
     "one.c:5: pawl_big has 6 parameters"),
    ("src/base/one.c", '"base/base.h"', '"cli/main.h"', "src/base may not include from cli"),
    ("src/base/one.c", '"base/base.h"', '"base.h"', "not named by its folder"),
    ("src/cli/main.c", '"pawl/pawl.h"', '"range/record.h"', None),
    ("src/base/one.c", "return 1", "return atoi(x)", "one.c:7: atoi() is banned"),
    ("src/base/one.c", "return 1", "return x.time(0) + my_rand(1) /* rand(1) */", None),
    ("src/base/one.c", "return 1", "return *\"rand(1)\"", None),
    ("test/unit/one_test.c", SPDX, SPDX + "int x = usleep(3);\n", "usleep() is banned"),
    ("src/base/one.c", "return 1", "return usleep(3)", None),
    ("include/pawl/pawl.h", " * Memory:   none\n", "", "pawl_one needs a comment"),
    ("include/pawl/pawl.h", "/**\n * Takes one.", "/* else */\n\n/**\n * Takes one.", None),
    ("src/base/meson.build", "one.c", "two.c", "one.c:1: is not in src/base/meson.build"),
    ("test/unit/meson.build", "one", "two", "one_test.c:1: is not in"),
    ("src/base/one.c", '#include "base/base.h"\n', "", None),
    ("docs/man/pawl.1", ".Fl \\-json", "", "--json of src/cli/options.def is not in it"),
    ("docs/man/pawl.1", ".Fl \\-json", ".Fl \\-json\n--frob", "--frob is not in src/cli"),
]


@pytest.mark.parametrize("path, old, new, wanted", SINS)
def test_one_sin_is_one_finding(tmp_path, path, old, new, wanted):
    assert old in CLEAN[path]
    found = tidy(tmp_path, dict(CLEAN, **{path: CLEAN[path].replace(old, new, 1)}))
    if wanted is None:
        assert found == []
    else:
        assert len(found) == 1 and wanted in found[0], found


def test_a_header_that_nobody_includes_is_dead(tmp_path):
    found = tidy(tmp_path, dict(CLEAN, **{"src/base/two.h": SPDX}))
    assert found == ["src/base/two.h:1: nobody includes it"]
