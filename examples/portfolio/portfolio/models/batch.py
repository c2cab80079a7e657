"""The nightly work: what is planned, what runs, what came of it."""

import enum
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Interval, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from portfolio.models.base import Base, JsonOrEmpty, Key, Now, Prose, Timestamp, labels


class BatchStatus(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BatchJob(Base):
    __tablename__ = "batch_jobs"

    id: Mapped[Key]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("batch_jobs.id", ondelete="CASCADE"), index=True)
    job_name: Mapped[str] = mapped_column(String(100))
    status: Mapped[BatchStatus] = mapped_column(
        labels(BatchStatus, "batch_status"), server_default=BatchStatus.PENDING.value
    )
    started_at: Mapped[Timestamp | None]
    took: Mapped[timedelta | None] = mapped_column(Interval)
    worker_address: Mapped[str | None] = mapped_column(INET)
    error: Mapped[Prose | None]
    details: Mapped[JsonOrEmpty]
    created_at: Mapped[Now] = mapped_column()
    portfolio_id: Mapped[UUID | None] = mapped_column(ForeignKey("portfolios.id", ondelete="SET NULL"))

    __table_args__ = (
        Index("ix_batch_jobs_job_name_latest", job_name, created_at.desc()),
        Index("ix_batch_jobs_waiting", "created_at", postgresql_where=text("status = 'pending'")),
    )


class BatchJobSchedule(Base):
    __tablename__ = "batch_job_schedules"
    __table_args__ = (
        CheckConstraint("timeout_seconds > 0", name="timeout_seconds"),
        CheckConstraint("valid_until > valid_from", name="validity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_name: Mapped[str] = mapped_column(String(100), unique=True)
    cron: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(50), server_default="UTC")
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    valid_from: Mapped[Now]
    valid_until: Mapped[Timestamp] = mapped_column(server_default=text("'infinity'"))
    timeout_seconds: Mapped[int] = mapped_column(server_default=text("3600"))
    retries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class BatchRunTracking(Base):
    __tablename__ = "batch_run_tracking"

    id: Mapped[Key]
    run_date: Mapped[date] = mapped_column(unique=True)
    jobs_total: Mapped[int]
    jobs_completed: Mapped[int]
    jobs_failed: Mapped[int] = mapped_column(server_default=text("0"))
    phases: Mapped[JsonOrEmpty]
    notes: Mapped[Prose | None]
    created_at: Mapped[Now]
