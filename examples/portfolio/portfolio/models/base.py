"""What all models share: the Base with its naming convention, and the kinds of columns that come again and again."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import DateTime, Enum, MetaData, Numeric, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


Key = Annotated[UUID, mapped_column(primary_key=True, server_default=func.gen_random_uuid())]
Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Now = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Money = Annotated[Decimal, mapped_column(Numeric(18, 2))]
Amount = Annotated[Decimal, mapped_column(Numeric(24, 2))]
Price = Annotated[Decimal, mapped_column(Numeric(18, 6))]
Ratio = Annotated[Decimal, mapped_column(Numeric(12, 6))]
Prose = Annotated[str, mapped_column(Text)]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]
JsonOrEmpty = Annotated[dict[str, Any], mapped_column(JSONB, server_default=text("'{}'"))]
Words = Annotated[list[str], mapped_column(ARRAY(Text), server_default=text("'{}'"))]


def labels(kind: type[enum.Enum], name: str) -> Enum:
    """Return a PostgreSQL enum whose labels are the values of a Python one, not its names."""
    return Enum(kind, name=name, values_callable=lambda members: [member.value for member in members])
