"""The text of a file to its YAML documents.

A text is cut at its `---` lines first, as kubectl does it, so that a document
that is not YAML takes no other down with it.  JSON is read as the YAML that it
nearly is.  This module knows no Kubernetes, and raises nothing but NotYaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError, dumps, loads

from proclaim.manifests.yaml_document import Document, NotYaml, read_document

MAX_BYTES = 10 * 1024 * 1024
"""The largest text that is read, unless the caller says otherwise."""
MAX_NODES = 2_000_000
"""Values in one text; 10 MiB of Services have about one million."""
MAX_DOCUMENTS = 200_000

_DOCUMENT_START = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_BLANK = re.compile(r"(?:---)?(?:[ \t\r]*+(?:#[^\n]*+)?\n)*+[ \t\r]*+(?:#[^\n]*+)?")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|\t', re.DOTALL)


def decode(data: bytes | str, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file; raises NotYaml when it is no text that YAML allows."""
    if len(data) > max_bytes:
        raise NotYaml(0, too_large(len(data), max_bytes))
    text = (_utf8(data) if isinstance(data, bytes) else data).removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        code = f"{ord(found[0]):#04x}"
        raise NotYaml(line, f"character {code} is not allowed; a YAML text is expected")
    return text


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, line = data[error.start], data.count(b"\n", 0, error.start) + 1
        raise NotYaml(line, f"byte {byte:#04x} is not UTF-8; a YAML text is expected") from None


def too_large(size: int, max_bytes: int) -> str:
    """The sentence about a text of too many bytes."""
    return f"is {size} bytes large; at most {max_bytes} are read, so split it"


def documents(text: str) -> Iterator[Document | NotYaml]:
    """Each document that holds something, or why it cannot be read.

    When a limit of the whole text is passed, the last item says so.
    """
    starts = [_with_directives(text, one.start()) for one in _DOCUMENT_START.finditer(text)]
    if len(starts) > MAX_DOCUMENTS:
        yield NotYaml(1, f"holds more than {MAX_DOCUMENTS} documents; split the file")
        return
    line, nodes = 1, 0
    for start, end in zip((0, *starts), (*starts, len(text)), strict=True):
        chunk = text[start:end]
        if not _BLANK.fullmatch(chunk):
            try:
                document = read_document(_json_as_yaml(chunk), line, MAX_NODES - nodes)
            except NotYaml as problem:
                yield problem
            else:
                nodes += document.nodes
                yield document
        if nodes >= MAX_NODES:
            yield NotYaml(line, f"holds more than {MAX_NODES} values; split the file")
            return
        line += chunk.count("\n")


def _with_directives(text: str, start: int) -> int:
    """Where the lines such as `%YAML 1.1` begin that stand right above a `---`."""
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if text[above] != "%":
            break
        start = above
    return start


def _json_as_yaml(chunk: str) -> str:
    """JSON in the form that a YAML 1.1 parser takes: no tabs, no `\\/`, no surrogate pairs.

    Line breaks stay where they are, so lines do too.
    """
    if ("\t" in chunk or "\\" in chunk) and chunk.lstrip()[:1] in ("{", "["):
        return _JSON_TOKEN.sub(_json_token, chunk)
    return chunk


def _json_token(found: re.Match[str]) -> str:
    token = found[0]
    if token == "\t":
        return " "
    if "\\" not in token or "\n" in token:
        return token
    try:
        return dumps(loads(token), ensure_ascii=False)
    except JSONDecodeError:
        return token
