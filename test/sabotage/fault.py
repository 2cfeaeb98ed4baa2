# SPDX-License-Identifier: Apache-2.0
"""What a deliberate fault is."""
import dataclasses


@dataclasses.dataclass
class Fault:
    """In `file`, `old` stands once and becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    test: str = ""  # what pytest is told, where only Python's tests can notice it
