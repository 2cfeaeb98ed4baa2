# SPDX-License-Identifier: Apache-2.0
"""What docs/stores.md says of parameters and rights is what the stores' sources ask for."""
import json
import re
import sys

sys.path[:0] = [f"{__file__.rsplit('/', 2)[0]}/{folder}" for folder in ("live", "stores")]
from live import ROOT  # noqa: E402 (it stands in a folder that was just added)
from test_redis import LEAST_RIGHTS  # noqa: E402

PAGE = (ROOT / "docs/stores.md").read_text(encoding="utf-8")


def sources(store):
    return "".join(file.read_text(encoding="utf-8")
                   for file in sorted((ROOT / "src/store" / store).glob("*.c")))


def test_the_iam_policy_allows_just_what_dynamodb_is_asked():
    block = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    allowed = {action.removeprefix("dynamodb:")
               for statement in json.loads(block[1])["Statement"]
               for action in statement["Action"]}
    asked = set(re.findall(r'\.target = "(\w+)"', sources("dynamodb")))
    assert allowed == asked - {"CreateTable"}, "CreateTable is for pawl store init alone"


def test_the_redis_user_has_the_rights_that_are_tested():
    line = re.search(r"acl setuser pawl .*", PAGE)[0].replace("'", "")
    assert set(line.split()[3:]) == {"on", ">secret", "+acl|dryrun", *LEAST_RIGHTS}


def test_every_parameter_of_a_url_is_told():
    for store in ("redis", "etcd", "dynamodb", "couchbase"):
        lists = re.findall(r"keys\[\] = \{([^}]*)\}|define KEYS((?:.*\\\n)*.*)", sources(store))
        keys = set(re.findall(r'"(\w+)"', " ".join(a + b for a, b in lists)))
        assert keys, f"{store}: no parameters found"
        section = re.search(rf"\n## {store}\n(.*?)(?=\n## )", PAGE, re.DOTALL | re.IGNORECASE)[1]
        untold = {key for key in keys if f"`{key}" not in section}
        assert not untold, f"{store}: docs/stores.md does not tell of {sorted(untold)}"
