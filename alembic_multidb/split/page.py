"""A plan as a page to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from alembic_multidb.operate.status import counted
from alembic_multidb.split.model import Finding, Plan, PlannedObject, shown

_LARGEST = 10
_ORDER = ("failed", "refused", "warning", "note")
_HEADINGS = {
    "crossing": "Crossing: these can live in no database, and are refused unless excluded by name",
    "homeless": "Without a home: no rule of the registry says where these go",
    "outside": "Outside: these belong to how a database is run, and stay behind",
    "version table": "Version tables: each new database gets one of its own (multidb stamp-from)",
    "excluded": "Excluded by name",
}


def page(plan: Plan, parts: frozenset[str]) -> Iterator[str]:
    """Yield the lines of the page.

    Args:
        plan: the plan.
        parts: names of objects that are parts of others (indexes, checks, partitions): counted, not listed where
            they go, as foreign keys are.
    """
    version = f"{plan.server_version // 10000}.{plan.server_version % 10000}"
    yield f"Split of {plan.source} (PostgreSQL {version}) into {', '.join(plan.databases)}"
    for name in plan.databases:
        yield from _database(plan, name, parts)
    both = [item for item in plan.objects if len(item.homes) > 1]
    if both:
        yield ""
        yield "Both: these go to more than one database"
        yield from (f"  {item.name} -> {', '.join(item.homes)}{_why(item)}" for item in both)
    yield from _references(plan)
    for treatment, heading in _HEADINGS.items():
        items = [item for item in plan.objects if item.treatment == treatment and item.name not in parts]
        if items:
            yield ""
            yield heading
            yield from _shortened(items)
    if plan.left_out:
        yield ""
        yield f"Left out by option: {', '.join(plan.left_out)}"
    yield from _settings(plan)
    yield from _sizes(plan)
    yield from findings(plan.findings)


def _shortened(items: Sequence[PlannedObject]) -> Iterator[str]:
    """Yield a line for each object, but of many large objects, which are only numbers, one for all."""
    large = [item for item in items if item.type == "large object"]
    is_long = len(large) > _LARGEST
    yield from (f"  {item.name}{_why(item)}" for item in items if not (is_long and item.type == "large object"))
    if is_long:
        yield f"  {large[0].name} and {len(large) - 1} more large objects; --json names them"


def findings(found: Sequence[Finding], *, all_: bool = True) -> Iterator[str]:
    """Yield findings, the worst first; without ``all_`` only what stops a split."""
    wanted = _ORDER if all_ else _ORDER[:2]
    lines = [f"  {severity}: {item}" for severity in wanted for item in found if item.severity == severity]
    if lines:
        yield ""
        yield "Findings"
        yield from lines


def _database(plan: Plan, name: str, parts: frozenset[str]) -> Iterator[str]:
    own = [item for item in plan.objects if item.homes == (name,)]
    counts = Counter(item.type for item in own)
    yield ""
    counted_ = [_plural(number, kind) for kind, number in sorted(counts.items())]
    yield f"{name}: {', '.join(counted_) or 'nothing of its own'}"
    made = [f"{item} in schema {shown(schema)}" if schema else item for item, schema in plan.extensions[name].items()]
    if made:
        yield f"  extensions: {', '.join(made)}"
    listed = [item for item in own if item.name not in parts and item.type != "table constraint"]
    yield from _shortened(listed)


def _references(plan: Plan) -> Iterator[str]:
    for name in dict.fromkeys(item.database for item in plan.references):
        own = [item for item in plan.references if item.database == name]
        yield ""
        yield f'Soft references: foreign keys that leave "{name}"; in Database("{name}", soft_references=[...])'
        for item in own:
            yield f"  {item.line}{'  # declared' if item.is_declared else ''}"


def _settings(plan: Plan) -> Iterator[str]:
    if plan.settings or plan.database_facts:
        yield ""
        yield "Settings, and what belongs to the database itself"
        for fact in plan.database_facts:
            homes = [name for name in plan.databases if not fact.extension or fact.extension in plan.extensions[name]]
            yield f"  {fact} -> {', '.join(homes) or 'nowhere'}"
        for item in plan.settings:
            yield f"  {item.name}{f' of role {item.role}' if item.role else ''} -> {', '.join(item.homes)}"


def _sizes(plan: Plan) -> Iterator[str]:
    yield ""
    yield "Sizes and estimates (rough)"
    for each in plan.estimates:
        memory = f", up to {megabytes(each.memory)} of memory for one index" if each.memory else ""
        yield (
            f"  {each.database}: {counted(each.tables, 'table')}, {each.rows} rows, {megabytes(each.bytes)} on disk, "
            f"about {each.seconds} s{memory}"
        )
    for way in plan.ways:
        yield (
            f"  --method {way.method}: about {way.seconds} s, {megabytes(way.bytes)} of disk on the way; it {way.needs}"
        )
    yield f"  chosen: {plan.method} ({plan.why})"
    for size in plan.sizes[:_LARGEST]:
        rows = "rows not known (never analysed)" if size.rows is None else f"{size.rows} rows"
        yield (
            f"  {shown(size.table)} ({size.home}): {rows}, {megabytes(size.bytes)} with TOAST, "
            f"{megabytes(size.index_bytes)} of indexes"
        )
    for build in plan.vector_builds:
        yield (
            f"  {build.index} ({build.home}): {build.method}, {build.rows} x {build.dimensions}"
            + (f", {megabytes(build.memory)} to build it in memory" if build.memory else "")
        )


def _why(item: PlannedObject) -> str:
    return f": {item.why}" if item.why else ""


def _plural(number: int, kind: str) -> str:
    if kind.endswith(("s", "x")):
        return f"{number} {kind}{'' if number == 1 else 'es'}"
    if kind.endswith("y") and number != 1:
        return f"{number} {kind[:-1]}ies"
    return counted(number, kind)


def megabytes(number: int) -> str:
    """Return a number of bytes for people."""
    return f"{number / 2**20:.1f} MB" if number < 2**30 else f"{number / 2**30:.1f} GB"
