"""What was counted on the complete tables, where the wheels of torchxrayvision and mednet are (see `real_tables`)."""

from importlib import import_module

import pandas as pd
import pytest
from real_tables import lay_out

from placa.core.progress import SILENT
from placa.sources.public.labels import apply_policies, combine, written_counts
from placa.sources.public.records import NEGATIVE, POSITIVE, UNKNOWN, PublicSet, Records
from placa.sources.vocabulary import resolve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory):
    done: dict[str, Records] = {}

    def records(kind: str, **choices: str) -> Records:
        key = f"{kind} {choices}"
        if key not in done:
            root = lay_out(kind, tmp_path_factory.mktemp("real"))
            if root is None:
                pytest.skip("neither torchxrayvision or mednet nor their wheels (PLACA_WHEELS) are here")
            spec: PublicSet = getattr(
                import_module(f"placa.sources.{kind.replace('-', '_')}"), kind.upper().replace("-", "_")
            )
            done[key] = spec.read(root, {**spec.defaults, **choices}, SILENT)
        return done[key]

    return records


def values(records: Records, code: str) -> dict[str, object]:
    (found,) = [note.values for note in records.notes if note.code == code]
    return dict(found)


def labels(records: Records, kind: str, name: str) -> pd.Series:
    return combine(records.labels[list(resolve(kind, kind, name, records.labels.columns)[1])])


def test_chexpert(read) -> None:
    found = read("chexpert")
    assert len(found.images) == 223_414
    assert values(found, "studies") == {"studies": 187_641, "patients": 64_540}
    views = found.images["view"].value_counts().to_dict()
    assert views == {"AP": 161_590, "LATERAL": 32_387, "PA": 29_420, "LL DECUBITUS": 16, "RL DECUBITUS": 1}
    assert written_counts(labels(found, "chexpert", "Atelectasis")) == {
        "positive": 33_376,
        "negative": 1_328,
        "uncertain": 33_739,
        "blank": 154_971,
        "unknown": 0,
    }
    assert values(found, "rows_that_show_nothing") == {"rows": 6_099, "blank": 12}
    assert values(found, "no_finding_with_devices") == {"rows": 8_808}
    assert NEGATIVE not in set(found.labels["No Finding"])
    assert values(found, "ages_capped") == {"images": 7_579, "cap": 90}
    assert (found.images["age"].isna().sum(), found.images["sex"].isna().sum()) == (3, 1)
    # Labels never differ inside a study.
    distinct = found.labels.assign(study=found.images["study_id"]).drop_duplicates()
    assert len(distinct) == 187_641


def test_padchest(read) -> None:
    found = read("padchest")
    assert len(found.images) + len(found.rejected) == 160_861
    assert len(found.rejected) == 21
    pneumonia = labels(found, "padchest", "Pneumonia")
    written = int(found.labels["pneumonia"].isin([POSITIVE]).sum())
    # 7,953 rows name it; rows that also say exclude, and damaged files, are not positive.
    assert 7_900 < written <= 7_953
    assert int((pneumonia == POSITIVE).sum()) == written
    assert values(found, "several_births") == {"patients": 356}
    assert found.images["label_source"].str.endswith("Physician").mean() == pytest.approx(0.243, abs=0.001)
    assert found.images.groupby("study_id")["label_source"].nunique().max() == 1
    studies = found.images["study_id"]
    assert studies[studies.str.isdigit()].str.len().max() == 51
    assert int((~studies.str.isdigit()).sum()) == 2_623
    assert found.images["view"].value_counts()["PA"] > 91_000
    assert found.images["age"].between(0, 105).sum() == found.images["age"].notna().sum()
    nodule = labels(found, "padchest", "Nodule")
    assert (nodule[found.labels["pseudonodule"] == POSITIVE] != POSITIVE).any()


def test_vindr(read) -> None:
    found = read("vindr")
    assert values(found, "reader_agreement") == {"rows": 67_914, "images": 15_000}
    assert round(float(str(values(found, "agreement_of_positives")["share"])), 2) == 0.34
    readers = found.images["reader"] == "R10 R8 R9"
    sick = found.labels["No finding"] != POSITIVE
    assert (round(readers[sick].mean(), 2), round(readers[~sick].mean(), 2)) == (0.94, 0.13)
    rules = ("any", "majority", "all")
    assert [int(read("vindr", readers=rule).labels["Consolidation"].sum()) for rule in rules] == [353, 121, 31]


def test_rsna(read) -> None:
    found = read("rsna")
    assert len(found.images) == 26_684
    assert values(found, "rows_joined")["rows"] == 30_227
    assert found.images["view"].value_counts().to_dict() == {"PA": 14_511, "AP": 12_173}
    assert found.images["age"].isna().sum() == 5
    assert found.labels["Lung Opacity"].sum() == 6_012
    assert "patient_id" not in found.images


def test_siim(read) -> None:
    found = read("siim")
    assert values(found, "rows_joined") == {"rows": 12_954, "images": 12_047, "positive": 2_669, "several": 624}
    assert found.boxes is not None and not found.rejected
    assert found.boxes["image_id"].value_counts().max() == 10


def test_openi(read) -> None:
    found = read("openi")
    counts = {"reports": 3_955, "without_images": 104, "normal": 1_391, "no_automatic_term": 1_773, "neither": 382}
    assert values(found, "reports") == counts
    assert values(found, "views_corrected") == {"laterals": 1_360, "blank": 2_589}
    assert len(found.images) == 7_470


def test_nlm_tb(read) -> None:
    images, truth = read("nlm-tb").images, read("nlm-tb").labels["Tuberculosis"]
    assert truth.groupby(images["site"]).agg(["size", "sum"]).values.tolist() == [[138, 58], [662, 336]]


def test_every_label_of_the_vocabulary_is_one_of_its_set(read) -> None:
    from placa.sources.vocabulary import FINDINGS

    for kind in ("padchest", "vindr", "openi", "chexpert"):
        known = set(read(kind).labels.columns)
        for finding in FINDINGS:
            # VinDr's global labels are in the tables of PhysioNet only.
            named = set(finding.labels.get(kind, ())) | set(finding.similar.get(kind, ()))
            assert kind == "vindr" or named <= known, (kind, finding.name, named - known)


def test_policies_of_chexpert_count_as_written(read) -> None:
    edema = labels(read("chexpert"), "chexpert", "Edema")
    truth = apply_policies(edema, "positive", "unknown")
    assert truth.notna().sum() == (~edema.isin([-2, UNKNOWN])).sum()
