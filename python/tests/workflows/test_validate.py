import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import RecordedProgress
from r_tables import without_figures
from raising import raises
from record_fixtures import reseal
from sklearn.metrics import roc_auc_score

from placa.cli import main
from placa.core.errors import OutputExistsError
from placa.dataset.errors import SplitSharesError
from placa.dataset.splits import SplitPlan
from placa.inference.errors import (
    NoNewImagesError,
    OtherFindingsError,
    OtherKindError,
    OtherViewsError,
    ReadingMismatchError,
    TooFewImagesError,
    ValidationNameError,
)
from placa.inference.external_images import require_kind
from placa.records.evaluation import Summary
from placa.records.files import read_record, write_record
from placa.records.predictions import read_predictions
from placa.records.source import SourceFacts
from placa.records.validation import ValidationFacts
from placa.workflows.validate import validate

pytestmark = pytest.mark.usefixtures("r")


@pytest.fixture(scope="module")
def validated(run: Path, elsewhere: Path, r: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the run, and validate it through rpy2."""
    out = Path(shutil.copytree(run, tmp_path_factory.mktemp("validated") / "run"))
    with without_figures():
        validate(out, elsewhere, bridge="rpy2", progress=RecordedProgress())
    return out


def test_all_images_are_test_images(elsewhere: Path) -> None:
    assert set(pd.read_parquet(elsewhere / "manifest.parquet")["split"]) == {"test"}
    facts = read_record(elsewhere / "source.json", SourceFacts)
    assert facts["split"]["fractions"] == [0, 0, 1]
    with raises(SplitSharesError, fractions=[0, 0.5, 0.5]):
        SplitPlan(fractions=(0, 0.5, 0.5))


def test_a_validation_has_the_tables_of_an_evaluation_and_more(validated: Path) -> None:
    folder = validated / "validation" / "there"
    present = {path.name for path in folder.iterdir()}
    assert present >= {path.name for path in (validated / "evaluation").glob("*.csv")}
    assert present >= {"measures.csv", "comparison.csv", "case_mix.csv", "explained.csv", "predictions.parquet"}
    table, _ = read_predictions(folder / "predictions.parquet")
    auroc = read_record(folder / "summary.json", Summary)["headline"]["Opacity"]["auroc"]
    assert auroc == pytest.approx(roc_auc_score(table["truth"].to_numpy(int), table["probability"]), abs=1e-9)
    compared = pd.read_csv(folder / "comparison.csv").set_index("metric")
    internal = pd.read_csv(validated / "evaluation" / "discrimination.csv").iloc[0]
    assert compared.loc["auroc", "internal"] == pytest.approx(internal["auroc"])
    assert compared.loc["auroc", "external"] == pytest.approx(auroc)


def test_the_summary_and_the_card_name_the_external_result(validated: Path) -> None:
    [external] = read_record(validated / "evaluation" / "summary.json", Summary)["external"]
    assert (external["name"], external["finding"]) == ("there", "Opacity")
    auroc = f"{external['auroc']:.3f}"
    assert auroc in (validated / "model_card.md").read_text("utf-8")
    assert auroc.replace(".", ",") in (validated / "model_card.es.md").read_text("utf-8")


@pytest.mark.slow
def test_both_bridges_give_the_same_validation(validated: Path, a_run: Path, elsewhere: Path) -> None:
    validate(a_run, elsewhere, name="again", bridge="rscript", progress=False)
    for path in (validated / "validation" / "there").glob("*.csv"):
        assert (a_run / "validation" / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_existing_validation_is_replaced_only_on_request(validated: Path, elsewhere: Path) -> None:
    with raises(OutputExistsError, path=str(validated / "validation" / "there")):
        validate(validated, elsewhere, progress=False)
    for name in ("", "..", "a/b"):
        with raises(ValidationNameError, name=name):
            validate(validated, elsewhere, name=name, progress=False)


def test_images_that_the_model_knows_are_left_out(
    a_run: Path, run: Path, prepared: Path, elsewhere: Path, tmp_path: Path
) -> None:
    # Copies of ten training images, five of them slightly brighter, among the other images.
    mixed = Path(shutil.copytree(elsewhere, tmp_path / "mixed"))
    pixels = np.load(mixed / "pixels-64.npy")
    own = np.load(prepared / "pixels-64.npy")[:10]
    pixels[:5] = own[:5]
    pixels[5:10] = np.clip(own[5:] * 0.9 + 8, 0, 255)
    np.save(mixed / "pixels-64.npy", pixels)
    facts = json.loads((a_run / "run.json").read_text())
    facts["data"]["prepared"] = str(prepared)
    reseal(a_run / "run.json", facts)
    with without_figures():
        validate(a_run, mixed, progress=False)
    about = read_record(a_run / "validation" / "mixed" / "validation.json", ValidationFacts)
    expected = {"same_image": 0, "same_patient": 0, "exact_duplicate": 5, "near_duplicate": 5}
    assert list(about["left_out"].items()) == list(expected.items())
    assert (about["found"], about["used"]) == (len(pixels), len(pixels) - 10)


def test_the_set_of_the_model_is_known_completely(a_run: Path, prepared: Path) -> None:
    with raises(NoNewImagesError):
        validate(a_run, prepared, progress=False)
    assert not (a_run / "validation").exists() or not list((a_run / "validation").iterdir())


def _changed(elsewhere: Path, tmp_path: Path, **columns: object) -> Path:
    out = Path(shutil.copytree(elsewhere, tmp_path / "changed"))
    manifest = pd.read_parquet(out / "manifest.parquet").assign(**columns)
    manifest.to_parquet(out / "manifest.parquet", index=False)
    return out


def test_images_of_another_kind_are_refused() -> None:
    slices = pd.DataFrame({"outside": [True] * 6 + [False] * 4})
    with raises(OtherKindError, prepared="ct", images=10, outside=6):
        require_kind(slices, Path("ct"))
    require_kind(slices[2:], Path("ct"))
    require_kind(pd.DataFrame({"image_id": ["a"]}), Path("ct"))


def test_unsuitable_sets_are_refused(a_run: Path, elsewhere: Path, tmp_path: Path) -> None:
    labels = pd.read_parquet(elsewhere / "manifest.parquet")["Opacity"]
    with raises(TooFewImagesError, positives={"Opacity": 0}, least=10):
        validate(a_run, _changed(elsewhere, tmp_path / "a", Opacity=labels * 0), progress=False)
    with raises(OtherViewsError, views=["LATERAL"]):
        validate(a_run, _changed(elsewhere, tmp_path / "b", view="LATERAL"), progress=False)
    other = _changed(elsewhere, tmp_path / "c")
    facts = read_record(other / "source.json", SourceFacts)
    facts["findings"] = ["Pneumothorax"]
    write_record(other / "source.json", facts, SourceFacts)
    with raises(OtherFindingsError, model_findings=["Opacity"], findings=["Pneumothorax"]):
        validate(a_run, other, progress=False)
    facts["findings"] = ["Opacity"]
    facts["reading"] = {"rule": "ct-slabs", "squares": 3, "options": {}}
    write_record(other / "source.json", facts, SourceFacts)
    with pytest.raises((ReadingMismatchError, Exception)) as caught:
        validate(a_run, other, progress=False)
    assert caught.value.exit_code == 2
    assert not list(a_run.glob("validation/*"))


@pytest.mark.slow
def test_command_prints_both_results(a_run: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(a_run), str(elsewhere), "--name", "there"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("there")
    assert [line.startswith("Opacity: AUROC") for line in lines] == [True, True, False]
