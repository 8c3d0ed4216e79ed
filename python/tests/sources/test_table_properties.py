"""Properties of the readers of tables, for generated tables: no row is lost, and no label is invented."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import draw
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from placa.core.errors import InputError
from placa.sources.source import Source
from placa.sources.table import read_table
from placa.sources.tables.identifiers import read_patients
from placa.sources.tables.label_cells import read_entries
from placa.sources.tables.words import UNCERTAIN, UNKNOWN, fold, normal

FINDINGS = ["Mass", "Edema", "Nodule/Mass", "No Finding", "normal", "Hernia, hiatal"]
UNKNOWN_CELLS = ["", "unknown", "N/A", "desconocido", "#N/A", "-1", "n/d", "dudoso", "None"]
BINARY = ["1", "0", "yes", "No", "SÍ", "1.0", "0,0", "+", "negativo", "2", "maybe"]
#: Images that exist, and two that do not.
NAMES = [f"{number}.png" for number in range(10)]
#: Two rows that make most tables usable, so that the properties are tested and not only errors.
BASE = [("b0.png", "Mass", "B0", "", ""), ("b1.png", "Edema", "B1", "", "")]
BINARY_BASE = [("b0.png", "1", "B0", "", ""), ("b1.png", "0", "B1", "", "")]
#: Drawing images is slow once, not for each example. A failing example is printed as found: making it smaller took
#: minutes.
QUICK = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table")
    for number, name in enumerate([*NAMES[:-2], "b0.png", "b1.png"]):
        draw(path / name, seed=number, size=(10, 10))
    return path


def cell_of_findings() -> st.SearchStrategy[str]:
    separated = st.builds(
        lambda mark, parts: mark.join(parts),
        st.sampled_from(["|", "; "]),
        st.lists(st.sampled_from([*FINDINGS[:2], *FINDINGS[3:5]]), min_size=1, max_size=3),
    )
    listed = st.lists(st.sampled_from(FINDINGS), max_size=3).map(str)
    return st.one_of(st.sampled_from(FINDINGS), st.sampled_from(UNKNOWN_CELLS), separated, listed)


def rows_of(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    row = st.tuples(
        st.sampled_from([*NAMES, ""]),
        cells,
        st.sampled_from(["P1", "p1", "2", "2.0", "anonymous", ""]),
        st.sampled_from(["F", "M", "H", ""]),
        st.sampled_from(["train", "validate", "test", "", "x"]),
    )
    return st.lists(row, min_size=1, max_size=30)


def read(folder: Path, frame: pd.DataFrame, positive: str | None) -> Source | InputError:
    frame.to_csv(folder / "t.csv", index=False)
    try:
        return read_table(folder / "t.csv", "label", positive)
    except InputError as error:
        return error


def frame_of(rows: list[tuple[str, ...]], base: list[tuple[str, ...]] = BASE) -> pd.DataFrame:
    return pd.DataFrame([*rows, *base], columns=["path", "label", "patient", "sex", "split"])


def require_accounted(source: Source, rows: int) -> None:
    joined = sum(
        int(note.values["rows"]) - int(note.values["images"]) for note in source.notes if note.code == "rows_joined"
    )
    assert rows == len(source.images) + len(source.rejected) + source.missing + source.unused + joined


@QUICK
@given(rows_of(cell_of_findings()))
def test_no_row_is_lost_and_no_label_is_invented(folder: Path, rows: list[tuple[str, ...]]) -> None:
    frame = frame_of(rows)
    source = read(folder, frame, "Mass")
    if isinstance(source, InputError):
        return
    require_accounted(source, len(frame[(frame != "").any(axis=1)]))
    entries = read_entries(frame["label"]).entries
    truth = source.images.set_index("image_id")[source.findings[0]]
    for name, cells in frame.groupby("path")["label"]:
        words = [normal(entry) for cell in cells for entry in entries[cell]]
        has_unknown = any(fold(word) in UNKNOWN | UNCERTAIN for word in words)
        if name in truth.index and truth[name] == 0:
            assert "mass" not in words, "no positive is lost"
            assert words and not has_unknown, "no unknown label is negative"
        if name in truth.index and truth[name] == 1:
            assert "mass" in words


@QUICK
@given(rows_of(st.sampled_from([*BINARY, *UNKNOWN_CELLS])))
def test_labels_of_yes_and_no_are_never_invented(folder: Path, rows: list[tuple[str, ...]]) -> None:
    frame = frame_of(rows, BINARY_BASE)
    source = read(folder, frame, None)
    if isinstance(source, InputError):
        return
    require_accounted(source, len(frame[(frame != "").any(axis=1)]))
    cells = frame.groupby("path")["label"].agg(set)
    for name, value in source.images.set_index("image_id")["label"].items():
        allowed = {"1", "yes", "SÍ", "1.0", "+"} if value == 1 else {"0", "No", "0,0", "negativo"}
        assert cells[name] & allowed


@QUICK
@given(rows_of(cell_of_findings()), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_changes_nothing(folder: Path, rows: list[tuple[str, ...]], random) -> None:  # type: ignore[no-untyped-def]
    frame = frame_of(rows)
    order, columns = list(range(len(frame))), list(frame.columns)
    random.shuffle(order)
    random.shuffle(columns)
    one, other = read(folder, frame, "Mass"), read(folder, frame.iloc[order][columns], "Mass")
    assert type(one) is type(other)
    if isinstance(one, InputError) or isinstance(other, InputError):
        return
    same = [name for name in ("image_id", "path", "patient_id", "sex", "split", *one.findings) if name in one.images]
    left, right = (source.images[same].sort_values("image_id", ignore_index=True) for source in (one, other))
    pd.testing.assert_frame_equal(left, right)
    assert (one.missing, one.unused, len(one.rejected)) == (other.missing, other.unused, len(other.rejected))


@QUICK
@given(st.lists(st.one_of(st.integers(0, 30).map(str), st.sampled_from(["anonymous", "007", "7.0", "A 1", "a 1", ""]))))
def test_patients_are_never_divided(cells: list[str]) -> None:
    column = pd.Series(cells, dtype=object)
    read_cells = read_patients(column, "patient", Path("t.csv"), [])
    for group in ({"7", "007", "7.0"}, {"A 1", "a 1"}):
        assert read_cells[column.isin(group)].nunique() <= 1
    assert (read_cells[column.isin(["anonymous", ""])] == "").all()
    numbers = column[column.str.fullmatch(r"[1-9]\d*").fillna(False).astype(bool)]
    assert read_cells[numbers.index].nunique() == numbers.nunique()
