# SPDX-License-Identifier: Apache-2.0
"""Sub-document operations on JSON text: what a path does not name keeps its bytes."""
import json
import re

from fake_couchbase_wire import (DELTA_EINVAL, NUM_ERANGE, PATH_E2BIG, PATH_EEXISTS, PATH_EINVAL,
                                 PATH_ENOENT, PATH_MISMATCH, VALUE_CANTINSERT, Refused)

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
PATH_BYTES_MAX, PATH_PARTS_MAX = 1024, 32
_PART = re.compile(r"`((?:[^`]|``)+)`|([^.\[\]`]+)|\[(-?\d+)\]")
_BLANKS = re.compile(r"[ \t\r\n]*")


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def is_json(data):
    try:
        _decoder.decode(data.decode())
    except (ValueError, RecursionError):
        return False
    return True


def parse_path(path):
    """b"a.b[2]" -> ["a", "b", 2]"""
    if len(path) > PATH_BYTES_MAX:
        raise Refused(PATH_E2BIG)
    text, parts, at = path.decode(), [], 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            raise Refused(PATH_EINVAL)
        quoted, plain, index = match.groups()
        parts.append(int(index) if index else plain or quoted.replace("``", "`"))
        at = match.end()
        if at < len(text) and text[at] == ".":
            at += 1
            if at == len(text) or text[at] == "[":
                raise Refused(PATH_EINVAL)
        elif at < len(text) and text[at] != "[":
            raise Refused(PATH_EINVAL)
    if len(parts) > PATH_PARTS_MAX:
        raise Refused(PATH_E2BIG)
    return parts


def _skip(text, at):
    return _BLANKS.match(text, at).end()


def _entries(text, at):
    """(name or index, where the entry begins, where its value begins, where it ends)"""
    is_object, at, index = text[at] == "{", _skip(text, at + 1), 0
    while text[at] not in "]}":
        begin, name = at, index
        if is_object:
            name, at = json.decoder.scanstring(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)
        end = _decoder.raw_decode(text, at)[1]
        yield name, begin, at, end
        at, index = _skip(text, end), index + 1
        if text[at] == ",":
            at = _skip(text, at + 1)


class _Place:
    """Where a path leads: how many of its parts exist, and the span of the last that does."""

    def __init__(self, text, parts):
        self.text, self.parts, self.found = text, parts, 0
        self.entry = self.begin = _skip(text, 0)
        self.end = _decoder.raw_decode(text, self.begin)[1]
        for part in parts:
            if not self._enter(part):
                break
            self.found += 1

    def _enter(self, part):
        kind = self.text[self.begin]
        if kind != ("[" if isinstance(part, int) else "{"):
            raise Refused(PATH_MISMATCH)
        entries = list(_entries(self.text, self.begin))
        if part == -1 and entries:
            part = len(entries) - 1
        for name, entry, begin, end in entries:
            if name == part:
                self.entry, self.begin, self.end = entry, begin, end
                return True
        return False

    @property
    def missing(self):
        return self.parts[self.found:]

    def value(self):
        if self.missing:
            raise Refused(PATH_ENOENT)
        return self.text[self.begin:self.end]

    def replaced(self, value):
        return self.text[:self.begin] + value + self.text[self.end:]

    def inserted(self, value, make_parents):
        """The text with what is missing appended to the innermost object that exists."""
        missing = self.missing
        if len(missing) > 1 and not make_parents:
            raise Refused(PATH_ENOENT)
        if any(isinstance(part, int) for part in missing):
            raise Refused(PATH_ENOENT)
        for part in reversed(missing[1:]):
            value = "{" + json.dumps(part, ensure_ascii=False) + ":" + value + "}"
        close = self.end - 1
        comma = "" if _skip(self.text, self.begin + 1) == close else ","
        name = json.dumps(missing[0], ensure_ascii=False)
        return f"{self.text[:close]}{comma}{name}:{value}{self.text[close:]}"

    def removed(self):
        text, begin, end = self.text, self.entry, self.end
        after = _skip(text, end)
        if text[after] == ",":
            return text[:begin] + text[_skip(text, after + 1):]
        before = begin
        while text[before - 1] in " \t\r\n":
            before -= 1
        return text[:before - 1 if text[before - 1] == "," else begin] + text[end:]


def _insertable(value):
    if not is_json(value):
        raise Refused(VALUE_CANTINSERT)
    return value.decode()


def _counted(place, delta, make_parents):
    try:
        step = int(delta)
    except ValueError:
        step = 0
    if not re.fullmatch(rb"[+-]?\d+", delta) or step == 0 or not INT64_MIN <= step <= INT64_MAX:
        raise Refused(DELTA_EINVAL)
    if place.missing:
        return place.inserted(str(step), make_parents), str(step)
    old = place.value()
    if not re.fullmatch(r"-?\d+", old):
        raise Refused(PATH_MISMATCH)
    if not INT64_MIN <= int(old) <= INT64_MAX:
        raise Refused(NUM_ERANGE)
    new = int(old) + step
    if not INT64_MIN <= new <= INT64_MAX:
        raise Refused(VALUE_CANTINSERT)
    return place.replaced(str(new)), str(new)


def look(name, text, path):
    """What SUBDOC_GET, SUBDOC_EXISTS and SUBDOC_GET_COUNT answer: text."""
    value = _Place(text, parse_path(path)).value()
    if name == "SUBDOC_EXISTS":
        return ""
    if name == "SUBDOC_GET":
        return value
    if value[0] not in "[{":
        raise Refused(PATH_MISMATCH)
    return str(sum(1 for _ in _entries(value, 0)))


def change(name, text, path, value, make_parents=False):
    """(the new text, what is answered) of one operation that changes a document"""
    parts = parse_path(path)
    place = _Place(text, parts)
    if name == "SUBDOC_COUNTER":
        return _counted(place, value, make_parents)
    if name == "SUBDOC_DELETE":
        place.value()
        if not parts:
            raise Refused(PATH_EINVAL)
        return place.removed(), ""
    value = _insertable(value)
    if name == "SUBDOC_REPLACE":
        place.value()
        if not parts:
            raise Refused(PATH_EINVAL)
        return place.replaced(value), ""
    if not parts or isinstance(parts[-1], int):
        raise Refused(PATH_EINVAL if not parts else PATH_MISMATCH)
    if place.missing:
        return place.inserted(value, make_parents), ""
    if name == "SUBDOC_DICT_ADD":
        raise Refused(PATH_EEXISTS)
    return place.replaced(value), ""
