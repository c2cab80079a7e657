"""nightly work, begun as a project of its own"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INET, JSONB

revision = "b001"
down_revision = None
branch_labels = ("batch",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch_jobs",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("job_name", sa.String(length=100), nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "running", "completed", "failed", name="batch_status"),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("took", sa.Interval(), nullable=True),
        sa.Column("worker_address", INET(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["batch_jobs.id"], name=op.f("fk_batch_jobs_parent_id_batch_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_jobs")),
    )
    op.create_index("ix_batch_jobs_job_name_latest", "batch_jobs", ["job_name", sa.literal_column("created_at DESC")])
    op.create_index(op.f("ix_batch_jobs_parent_id"), "batch_jobs", ["parent_id"])
    op.create_index(
        "ix_batch_jobs_waiting", "batch_jobs", ["created_at"], postgresql_where=sa.text("status = 'pending'")
    )
    op.create_table(
        "batch_job_schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_name", sa.String(length=100), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("timezone", sa.String(length=50), server_default="UTC", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), server_default="infinity", nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), server_default=sa.text("3600"), nullable=False),
        sa.Column("retries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("timeout_seconds > 0", name=op.f("ck_batch_job_schedules_timeout_seconds")),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_batch_job_schedules_validity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_job_schedules")),
        sa.UniqueConstraint("job_name", name=op.f("uq_batch_job_schedules_job_name")),
    )
    op.create_table(
        "batch_run_tracking",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("run_date", sa.Date(), nullable=False),
        sa.Column("jobs_total", sa.Integer(), nullable=False),
        sa.Column("jobs_completed", sa.Integer(), nullable=False),
        sa.Column("jobs_failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("phases", JSONB(), server_default="{}", nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_run_tracking")),
        sa.UniqueConstraint("run_date", name=op.f("uq_batch_run_tracking_run_date")),
    )


def downgrade() -> None:
    op.drop_table("batch_run_tracking")
    op.drop_table("batch_job_schedules")
    op.drop_table("batch_jobs")
    op.execute("DROP TYPE batch_status")
