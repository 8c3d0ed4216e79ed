"""Types that several records share: codes with values, counts, shares, and remarks for the user."""

from typing import Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from msgspec import Meta

#: A number of images, patients, rows or similar.
Count: TypeAlias = Annotated[int, Meta(ge=0)]
#: A share, a probability or an AUROC.
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
#: SHA-256 of the bytes of files.
Fingerprint: TypeAlias = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
#: The values of a code, by name.
Values: TypeAlias = dict[str, int | float | str]
#: A verdict of the audit, the worst last: an effect that matters is ruled out, neither shown nor ruled out, or shown.
Verdict: TypeAlias = Literal["none", "inconclusive", "some", "strong"]


class Record(TypedDict):
    """What every file of a record has."""

    digest: NotRequired[
        Annotated[Fingerprint, Meta(description="Fingerprint of this file, computed with 64 zeros in this place.")]
    ]


#: Values of remarks that quote cells of a table.
_CELLS = frozenset({"shown", "first"})


class Coded(TypedDict):
    """A remark as a code."""

    code: Annotated[str, Meta(description="The kind of remark.", min_length=1)]
    values: Annotated[Values, Meta(description="Its numbers and names.")]


class Note(str):
    """A remark for the user; records store its code and values, not its text.

    Args:
        text: The remark, for the terminal; its wording may change.
        code: The kind of remark.
        values: The facts in the remark, by name.
    """

    code: str
    values: Values

    def __new__(cls, text: str, code: str, **values: int | float | str) -> "Note":
        note = super().__new__(cls, text)
        note.code, note.values = code, values
        return note

    def __getnewargs_ex__(self) -> tuple[Any, ...]:
        """Keep code and values when a note is sent to another process."""
        return (str(self), self.code), self.values

    def as_record(self) -> Coded:
        """Return the code and the values, except quoted cells, which may name a patient."""
        return {"code": self.code, "values": {name: one for name, one in self.values.items() if name not in _CELLS}}
