"""
The base class of all events.

Law of this module: defining a class of events must cost next to nothing, because importing the
package defines all of them. So attrs is not used: it would compile methods for each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, dataclass_transform


if TYPE_CHECKING:
    from inspect import Signature


class _Signature:
    """Makes the signature of an event class only when somebody reads the signature."""

    def __get__(self, event: Event | None, kind: type[Event]) -> Signature:
        from inspect import Parameter, Signature

        how = Parameter.POSITIONAL_OR_KEYWORD
        return Signature(
            [
                Parameter(name, how, default=getattr(kind, name, Parameter.empty), annotation=type_)
                for name, type_ in kind.__annotations__.items()
                if name in kind._names
            ]
        )


@dataclass_transform(frozen_default=True)
class Event:
    """
    The base class of all events: immutable, and equal if their members are.

    ``vars(event)`` returns the members, and also *lease* if it is not ``"token"``.

    Attributes:
        lease: What the event is about: ``"token"``, or ``"credentials"`` if it comes from the cache
            of AWS credentials.
    """

    lease: ClassVar[str] = "token"
    __signature__: ClassVar[Any] = _Signature()
    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._names = tuple(cls.__annotations__)
        type.__setattr__(cls, "__match_args__", cls._names)  # as type checkers expect

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self._names
        given = dict(zip(names, args, strict=False)) | kwargs
        members = {n: given[n] if n in given else getattr(type(self), n, ...) for n in names}
        if (
            len(args) + len(kwargs) > len(given)
            or given.keys() - members
            or ... in members.values()
        ):
            raise TypeError(f"The arguments of {type(self).__name__} are {', '.join(names)}.")
        self.__dict__.update(members)

    def _about(self, lease: str) -> Self:
        """Set what a new event is about. Return the event."""
        if lease != self.lease:
            self.__dict__["lease"] = lease
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable.")

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({members})"


# repr(), help() and tracebacks show the module that users import it from.
Event.__module__ = "cognito_devtoken.events"
