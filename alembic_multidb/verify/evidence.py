"""Evidence: what was proven, when, and of what, as a file that a live database can be compared with later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic_multidb.errors import ConfigurationError
from alembic_multidb.verify.digest import RULE
from alembic_multidb.verify.options import Exclusion, VerifyOptions
from alembic_multidb.verify.output import write_private
from alembic_multidb.verify.report import DatabaseReport, Recall, Report, TableProof

FORMAT = 2


@dataclass(frozen=True)
class Evidence:
    """What an earlier comparison has written down.

    Attributes:
        path: the file.
        data: what stands there.
    """

    path: Path
    data: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read a file that ``multidb verify --evidence`` wrote.

        Raises:
            ConfigurationError: it cannot be read, is no evidence, or of another format or digest.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            number, rule = data["alembic_multidb_evidence"], data["digest"]
            if (number, rule) != (FORMAT, RULE):
                raise ConfigurationError(
                    f"{path} is of format {number} with digest {rule}; this version has format {FORMAT} and "
                    f"{RULE}: run multidb verify --evidence again"
                )
            datetime.fromisoformat(data["started"])
            data["options"].items(), data["strong"], data["exit_code"], int(data["source"]["server_version"])
            for database in data["databases"]:
                [facts.items() for facts in database["objects"].values()]
                database["sequences"].items(), database["large_objects"].items()
                for table in database["tables"]:
                    _proof(table)
                for recall in database["recalls"]:
                    _recall(recall)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigurationError(
                f"{path} is no evidence ({type(error).__name__}); multidb verify --evidence writes it"
            ) from None
        return cls(path, data)

    def refuse_old(self, max_age: float, now: datetime | None = None) -> None:
        """Refuse evidence that is too old to say anything.

        Args:
            max_age: seconds.
            now: the present time.

        Raises:
            ConfigurationError: it is older, or from the future.
        """
        started = datetime.fromisoformat(self.data["started"])
        age = ((now or datetime.now(timezone.utc)) - started).total_seconds()
        if not -60 <= age <= max_age:
            raise ConfigurationError(
                f"{self.path} is from {self.data['started']}, {age:.0f} seconds ago; at most {max_age:g} are "
                "allowed: take new evidence with multidb verify --evidence, or allow more with --max-age"
            )

    def options(self, given: VerifyOptions) -> VerifyOptions:
        """Return options that compare what was compared then."""
        then = self.data["options"]
        return replace(
            given,
            exclude=tuple(Exclusion.parse(text) for text in then["exclude"]) + given.exclude,
            schema=given.schema and then["schema"],
            data=given.data and then["data"],
            owners=given.owners and then["owners"],
            grants=given.grants and then["grants"],
        )

    @property
    def source_version(self) -> int:
        """Return the version of the source's server, as a number."""
        return int(self.data["source"]["server_version"])

    @property
    def is_strong(self) -> bool:
        """Tell whether two hashes were taken of each row."""
        return bool(self.data["strong"])

    @property
    def names(self) -> list[str]:
        """Return the databases that it is about."""
        return [database["name"] for database in self.data["databases"]]

    def database(self, name: str) -> Mapping[str, Any]:
        """Return what it says of a database.

        Raises:
            ConfigurationError: nothing, or that it was not equal.
        """
        for database in self.data["databases"]:
            if database["name"] == name:
                if database["state"] != "equal":
                    raise ConfigurationError(
                        f'{self.path} says that "{name}" was {database["state"]}: it proves nothing'
                    )
                return dict(database)
        raise ConfigurationError(f'{self.path} says nothing of "{name}", but of {", ".join(self.names)}')

    def tables(self, name: str) -> list[TableProof]:
        """Return what was read of a database's tables; nothing if it says nothing of the database."""
        return [_proof(row) for each in self.data["databases"] if each["name"] == name for row in each["tables"]]

    def recalls(self, name: str) -> list[Recall]:
        """Return what a database's vector indexes found; nothing if it says nothing of the database."""
        return [_recall(row) for each in self.data["databases"] if each["name"] == name for row in each["recalls"]]


def write_evidence(report: Report, path: Path) -> None:
    """Write down what was proven, for its owner alone to read.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    write_private(path, evidence_data(report))


def evidence_data(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "alembic_multidb_evidence": FORMAT,
        "version": version("alembic-multidb"),
        "digest": RULE,
        "strong": report.strong,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "exit_code": report.exit_code,
        "options": dict(report.options),
        "source": {"url": report.source, **report.moment},
        "databases": [database_data(database) for database in report.databases],
    }


def database_data(database: DatabaseReport) -> dict[str, Any]:
    """Return what JSON says of a database."""
    data = {"name": database.name, "state": database.state, **asdict(database)}
    return {**data, "tables": [{**table, "columns": dict(table["columns"])} for table in data["tables"]]}


def _proof(row: Mapping[str, Any]) -> TableProof:
    one, other = row["rows"]
    return TableProof(
        name=row["name"],
        rows=(int(one), int(other)),
        digests=(str(row["digests"][0]), str(row["digests"][1])),
        columns=tuple((str(name), str(form)) for name, form in row["columns"].items()),
    )


def _recall(row: Mapping[str, Any]) -> Recall:
    (one, other), (settings, settings_there) = row["recalls"], row["settings"]
    return Recall(
        index=str(row["index"]),
        samples=int(row["samples"]),
        recalls=(float(one), float(other)),
        settings=(str(settings), str(settings_there)),
    )
