"""alembic.ini as text: changed line by line, so that comments, order and everything else stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_HEADER = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<key>[^\s#;\[=:][^=:]*?)\s*[=:]")


@dataclass(frozen=True)
class Block:
    """An option with its continuation lines, or anything else that stands on a line of its own.

    Attributes:
        lines: the lines.
        key: the option's name, in lower case; None for a comment, a header or an empty line.
    """

    lines: tuple[str, ...]
    key: str | None = None


@dataclass(frozen=True)
class Section:
    """A section: its header and what follows it.

    Attributes:
        name: its name; None for what stands before the first header.
        header: the header's line.
        blocks: everything up to the next header.
        above: the comment right above the header.
    """

    name: str | None
    header: str
    blocks: tuple[Block, ...] = ()
    above: tuple[Block, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """Return the names of its options."""
        return frozenset(block.key for block in self.blocks if block.key is not None)

    def renamed(self, name: str) -> Section:
        """Return it under another name."""
        return replace(self, name=name, header=f"[{name}]")

    def without(self, keys: Iterable[str]) -> tuple[Section, tuple[Block, ...]]:
        """Return it without some options, and these, each with the comment right above it."""
        wanted, kept, taken = frozenset(keys), list[Block](), list[Block]()
        for block in self.blocks:
            if block.key not in wanted:
                kept.append(block)
                continue
            comment: list[Block] = []
            while kept and _is_comment(kept[-1]):
                comment.insert(0, kept.pop())
            taken += [*comment, block]
        return replace(self, blocks=tuple(kept)), tuple(taken)

    def with_options(self, options: Mapping[str, str]) -> Section:
        """Set options: where one stands, or right below the header."""
        blocks = tuple(
            _option(block.key, options[block.key]) if block.key is not None and block.key in options else block
            for block in self.blocks
        )
        new = tuple(_option(key, value) for key, value in options.items() if key not in self.keys)
        return replace(self, blocks=(*new, *blocks))

    def closed(self) -> Section:
        """Let one empty line follow."""
        body = list(self.blocks)
        while body and not body[-1].lines[0].strip():
            body.pop()
        return replace(self, blocks=(*body, Block(("",))))


def read_sections(text: str) -> list[Section]:
    """Split an ini file's text."""
    sections = [Section(None, "")]
    for line in text.splitlines():
        header, option = _HEADER.match(line), _OPTION.match(line)
        blocks = sections[-1].blocks
        if header:
            body, comment = _split_comment(blocks) if sections[-1].name else (blocks, ())
            sections[-1] = replace(sections[-1], blocks=body)
            sections.append(Section(header["name"], line, above=comment))
        elif blocks and blocks[-1].key and line[:1].isspace() and line.strip():
            longer = Block((*blocks[-1].lines, line), blocks[-1].key)
            sections[-1] = replace(sections[-1], blocks=(*blocks[:-1], longer))
        else:
            block = Block((line,), option["key"].lower() if option else None)
            sections[-1] = replace(sections[-1], blocks=(*blocks, block))
    return sections


def write_sections(sections: Sequence[Section]) -> str:
    """Put the text together again."""
    lines = []
    for section in sections:
        lines += [line for block in section.above for line in block.lines]
        lines += [section.header] if section.name is not None else []
        lines += [line for block in section.blocks for line in block.lines]
    return "\n".join(lines).rstrip("\n") + "\n"


def new_section(name: str, options: Mapping[str, str], *, above: str = "") -> Section:
    """Make a section, with a comment above it."""
    blocks = tuple(_option(key, value) for key, value in options.items())
    return Section(name, f"[{name}]", (*blocks, Block(("",))), (Block((above,)),) if above else ())


def _split_comment(blocks: tuple[Block, ...]) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """Split off the comment at the end, with the empty lines that part it from what stands above."""
    end = len(blocks)
    while end and _is_comment(blocks[end - 1]):
        end -= 1
    is_parted = end > 0 and not blocks[end - 1].lines[0].strip()
    return (blocks[:end], blocks[end:]) if is_parted else (blocks, ())


def _is_comment(block: Block) -> bool:
    return block.key is None and block.lines[0].startswith(("#", ";"))


def _option(key: str, value: str) -> Block:
    first, *rest = value.splitlines() or [""]
    return Block((f"{key} = {first}".rstrip(), *(f"    {line}" for line in rest)), key)
