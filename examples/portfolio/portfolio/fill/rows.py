"""Rows of one table after another: keys that are unique, references that lead somewhere, checks that hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from graphlib import TopologicalSorter
from random import Random

from portfolio.fill.catalog import Column, Table
from portfolio.fill.values import MISSING, Maker, Value, maker_of, numbered

Row = dict[str, Value]
Keys = Mapping[str, Sequence[str]]

# How the rows are spread: so many parts each.
SHARES = {
    "users": 4,
    "portfolios": 8,
    "positions": 120,
    "tags": 6,
    "tags_v2": 8,
    "position_tags": 80,
    "portfolio_target_prices": 25,
    "position_greeks": 60,
    "position_factor_exposures": 110,
    "position_market_betas": 40,
    "position_volatility": 40,
    "position_interest_rate_betas": 40,
    "correlation_calculations": 8,
    "pairwise_correlations": 50,
    "correlation_clusters": 10,
    "correlation_cluster_positions": 25,
    "factor_correlations": 12,
    "factor_exposures": 30,
    "factor_definitions": 1,
    "portfolio_snapshots": 60,
    "stress_test_scenarios": 1,
    "stress_test_results": 20,
    "market_risk_scenarios": 5,
    "market_data_cache": 150,
    "company_profiles": 12,
    "benchmarks_sector_weights": 10,
    "fund_holdings": 30,
    "batch_jobs": 20,
    "batch_job_schedules": 1,
    "batch_run_tracking": 4,
    "export_history": 8,
    "modeling_session_snapshots": 5,
    "equity_changes": 12,
    "position_realized_events": 20,
    "income_statements": 15,
    "balance_sheets": 15,
    "cash_flows": 15,
    "agent_conversations": 10,
    "agent_messages": 60,
    "ai_memories": 25,
    "ai_feedback": 20,
}
THE_REST = "market_data_cache"

# References that no foreign key guards.
SOFT_REFERENCES = {
    ("ai_feedback", "message_id"): "agent_messages",
    ("fund_holdings", "holding_symbol"): "company_profiles",
    ("market_data_cache", "symbol"): "company_profiles",
    ("positions", "symbol"): "company_profiles",
}
VOCABULARY: dict[str, tuple[str, ...]] = {
    "base_currency": ("USD", "EUR", "CHF", "JPY"),
    "benchmark": ("SPY", "QQQ", "IWM", "ACWI"),
    "color": ("#4A90E2", "#ff0000", "#00FF7f"),
    "duration_days": ("30", "90", "365"),
    "market_index": ("SPY", "QQQ"),
    "cron": ("0 2 * * *", "*/15 9-16 * * 1-5"),
    "currency": ("USD", "EUR", "JPY"),
    "fiscal_year": ("2022", "2023", "2024"),
    "fiscal_quarter": ("1", "2", "3", "4"),
    "locale": ("en", "de_CH", "ja"),
    "maturity": ("2y", "10y", "30y"),
    "mode": ("green", "blue", "indigo", "violet"),
    "rating": ("up", "down"),
    "scope": ("global", "user", "tenant", ""),
    "sector": ("Energy", "Health Care", "Technology", "Consumer, non-cyclical"),
    "timezone": ("UTC", "America/New_York", "Asia/Tokyo"),
}


def spread(rows: int) -> dict[str, int]:
    """Say how many rows each table gets: all of them together, and no table none."""
    more = rows - len(SHARES)
    if more < 0:
        raise ValueError(f"{rows} rows cannot be spread over {len(SHARES)} tables; ask for {len(SHARES)} or more")
    parts = sum(SHARES.values())
    counts = {table: 1 + more * share // parts for table, share in SHARES.items()}
    counts[THE_REST] += rows - sum(counts.values())
    return counts


def in_order(tables: Mapping[str, Table]) -> list[Table]:
    """Put tables after those that they refer to, softly or not."""
    graph = {name: sorted(set(references_of(table).values()) - {name}) for name, table in sorted(tables.items())}
    return [tables[name] for name in TopologicalSorter(graph).static_order()]


def references_of(table: Table) -> dict[str, str]:
    """Return which table each column refers to, softly or not."""
    soft = {column: referred for (name, column), referred in SOFT_REFERENCES.items() if name == table.name}
    return {**soft, **table.references}


def rows_of(table: Table, count: int, keys: Keys, first_number: int, random: Random) -> Iterator[Row]:
    """Make the rows of a table.

    Args:
        table: its columns, references and unique keys.
        count: how many.
        keys: the keys of the tables that it refers to; its own may grow while rows are taken.
        first_number: where its sequence begins, if it has one.
        random: where all values come from.
    """
    pools = _pools(table, keys)
    unique_keys = [key for key in _unique_keys(table) if not _unique_by_chance(key, pools)]
    numbered_columns = {column.name for key in unique_keys for column in key}
    makers = {
        column.name: _maker(column, pools.get(column.name), random)
        for column in table.columns
        if not column.sequence and column.name not in numbered_columns
    }
    sequences = [column.name for column in table.columns if column.sequence]
    mend = RULES.get(table.name)
    for number in range(count):
        row: Row = {name: make() for name, make in makers.items()}
        for key in unique_keys:
            _place(row, number, key, pools)
        for name in sequences:
            row[name] = str(first_number + number)
        if mend is not None:
            mend(row, random)
        yield row


def _pools(table: Table, keys: Keys) -> dict[str, Sequence[str]]:
    """Return the columns that take one of a few values, with these."""
    pools: dict[str, Sequence[str]] = {}
    for column in table.columns:
        if column.labels:
            pools[column.name] = column.labels
        elif column.type == "bool":
            pools[column.name] = ("true", "false")
        elif column.name in VOCABULARY:
            pools[column.name] = VOCABULARY[column.name]
    return {**pools, **{column: keys[referred] for column, referred in references_of(table).items()}}


def _maker(column: Column, pool: Sequence[str] | None, random: Random) -> Maker:
    if pool is None:
        return maker_of(column, random)
    if not column.nullable:
        return partial(random.choice, pool)
    return lambda: random.choice(pool) if pool and random.randrange(MISSING) else None


def _unique_keys(table: Table) -> list[list[Column]]:
    columns = {column.name: column for column in table.columns}
    return [[columns[name] for name in key] for key in table.unique_keys]


def _unique_by_chance(key: Sequence[Column], pools: Mapping[str, Sequence[str]]) -> bool:
    return any(column.type == "uuid" and column.name not in pools for column in key)


def _place(row: Row, number: int, key: Sequence[Column], pools: Mapping[str, Sequence[str]]) -> None:
    """Give a row its place in a unique key: pools are the digits of its number, the other columns take the rest."""
    turned = 0
    for column in key:
        if column.name in pools:
            number, digit = divmod(number, len(pools[column.name]))
            # Turned by the digits before it, so that few rows do not all meet the first of a second pool.
            turned += digit
            row[column.name] = pools[column.name][turned % len(pools[column.name])]
    others = [column for column in key if column.name not in pools]
    for place, column in enumerate(others):
        row[column.name] = numbered(column, number + place)


def _positions(row: Row, random: Random) -> None:
    if str(row["position_type"]).startswith("S") and not str(row["quantity"]).startswith("-"):
        row["quantity"] = f"-{row['quantity']}"
    if row["exit_date"] is not None:
        row["exit_date"] = max(str(row["exit_date"]), str(row["entry_date"]))
    if row.get("investment_class") == "OPTIONS" and row["strike_price"] is None:
        row["investment_class"] = random.choice(("PUBLIC", "PRIVATE"))


def _tags_v2(row: Row, random: Random) -> None:
    row["is_archived"] = "false" if row["archived_at"] is None else "true"


def _market_data(row: Row, random: Random) -> None:
    if row["high"] is not None and row["low"] is not None:
        low, high = sorted((row["high"], row["low"]), key=lambda price: float(str(price)))
        row["high"], row["low"] = high, low


def _snapshots(row: Row, random: Random) -> None:
    row["short_value"] = f"-{str(row['short_value']).lstrip('-')}"


RULES: dict[str, Callable[[Row, Random], None]] = {
    "market_data_cache": _market_data,
    "portfolio_snapshots": _snapshots,
    "positions": _positions,
    "tags_v2": _tags_v2,
}
