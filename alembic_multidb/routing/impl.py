"""Alembic's implementation of operations for one revision, whose every statement is asked about first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import new_class
from typing import TYPE_CHECKING, Any, Protocol

from alembic.ddl.impl import DefaultImpl

if TYPE_CHECKING:
    from collections.abc import Callable


class Asked(Protocol):
    """What decides whether a construct is run."""

    def execute(self, construct: Any, run: Callable[[Any], Any]) -> Any:
        """Run a construct, or not, or another one."""


class _Routed:
    """The part that is put before the implementation that is in use, which may be a project's own."""

    router: Asked

    def _exec(
        self,
        construct: Any,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        def run(what: Any) -> Any:
            return super(_Routed, self)._exec(  # type: ignore[misc]
                what, execution_options=execution_options, multiparams=multiparams, params=params or {}
            )

        return self.router.execute(construct, run)


def routed_impl(plain: DefaultImpl, router: Asked) -> DefaultImpl:
    """Return an implementation like the one given, and with all that it holds, that asks the router first.

    Its class names no dialect, so that it is registered for nobody else.
    """
    kind = new_class("Routed", (_Routed, type(plain)), exec_body=lambda names: names.update(router=router))
    impl: DefaultImpl = object.__new__(kind)
    impl.__dict__ = plain.__dict__
    return impl
