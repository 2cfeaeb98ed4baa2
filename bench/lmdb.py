# SPDX-License-Identifier: Apache-2.0
"""The LMDB store under a keeper: opening, memory, size, and ranges a second by how many asks are
queued, which become one transaction."""
import subprocess

import part


def main():
    args = part.parse(part.arguments(__doc__, 1, 1), (1, 1), (1, 1))
    report = part.Part("lmdb", "The LMDB store", __doc__)
    text = subprocess.run([part.program(args, "lmdb_bench")], check=True, capture_output=True,
                          text=True).stdout
    report.table("LMDB", ["what", "median", "least", "most", "unit"],
                 [(words + ["", ""])[:3] + [words[3], words[4]] if len(words) == 5
                  else [words[0], words[1], "", "", words[2]]
                  for words in (line.split() for line in text.splitlines())])
    report.end(args)


if __name__ == "__main__":
    main()
