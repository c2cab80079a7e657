"""All models, by topic. One Base for every table; portfolio/databases.py says where each is at home."""

from portfolio.models import accounts, activity, agents, ai, batch, correlations, market, positions, risk, statements
from portfolio.models.base import Base

__all__ = [
    "Base",
    "accounts",
    "activity",
    "agents",
    "ai",
    "batch",
    "correlations",
    "market",
    "positions",
    "risk",
    "statements",
]
