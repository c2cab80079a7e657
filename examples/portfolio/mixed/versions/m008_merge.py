"""risk, agents and batch come together"""

revision = "m008"
down_revision = ("m005", "m007", "b002")
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
