"""A head on embeddings: training, evaluation, prediction and validation, as of a run on pixels."""

import json
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Command, RecordedProgress
from made_embeddings import LENGTH, PROVENANCE, vectors_of, write_embeddings
from raising import raises
from record_fixtures import reseal
from sklearn.metrics import roc_auc_score

from placa.core.backend import load_keras
from placa.core.language import LANGUAGES
from placa.dataset.errors import VolumeEmbeddingsError
from placa.dataset.splits import SplitPlan
from placa.evaluation.errors import NoUpdateError
from placa.inference.embedded import predict_table
from placa.inference.errors import MixedInputsError, NothingToPredictError, ReadsEmbeddingsError, ReadsPixelsError
from placa.inference.explain import explain_files
from placa.inference.model import load_model
from placa.inference.predict import Predictor, predict_files
from placa.models.embedding_head import build_head, scale_of
from placa.records.embeddings import EmbeddingFacts
from placa.records.errors import ProvenanceMismatchError
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.predictions import read_predictions
from placa.records.run_facts import RunFacts
from placa.records.validation import ValidationFacts
from placa.reporting.model_card import model_card
from placa.reporting.words import Words
from placa.sources.phantom import read_phantoms
from placa.training.errors import ChangedTrainingError, OptionValueError
from placa.training.options import TrainOptions
from placa.workflows.prepare import prepare
from placa.workflows.r_calls import predict_table_as_lists, predict_vectors_as_lists
from placa.workflows.train import train
from placa.workflows.update import update
from placa.workflows.validate import validate

#: Why a run has no model.onnx: models are exported from TensorFlow.
NO_ONNX = None if find_spec("tensorflow") else "backend"


@pytest.fixture(scope="module")
def file(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write embeddings of all images but three, and of one other image."""
    ids, vectors = vectors_of(prepared)
    names = [*ids[:-3], "elsewhere.png"]
    return write_embeddings(tmp_path_factory.mktemp("embeddings") / "e.parquet", names, vectors[: len(names)])


@pytest.fixture(scope="module")
def head(prepared: Path, file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a linear head; tests must not change the run."""
    out = tmp_path_factory.mktemp("head") / "head"
    train(prepared, out, TrainOptions(epochs=8, learning_rate=0.05), progress=False, features=[file])
    return out


def test_a_head_learns_from_embeddings_and_the_run_says_which(head: Path, prepared: Path) -> None:
    facts = read_record(head / "run.json", RunFacts)
    images = len(pd.read_parquet(prepared / "manifest.parquet"))
    joined = facts["embeddings"]
    assert (joined["rows"], joined["used"], joined["unused"], joined["missing"]) == (images - 2, images - 3, 1, 3)
    assert (joined["length"], joined["provenance"]) == (LENGTH, PROVENANCE)
    assert (facts["training"]["backbone"], facts["training"]["parameters"]) == ("linear", LENGTH + 1)
    assert facts["training"]["mirror"] is False
    assert not any(facts["training"]["augmentation"].values())
    assert sum(facts["data"]["images"].values()) == images - 3  # type: ignore[arg-type]
    table, _ = read_predictions(head)
    assert len(table) == images - 3
    assert roc_auc_score(table["truth"].to_numpy(int), table["score"]) > 0.8


def test_the_model_file_takes_embeddings_without_placa_and_onnx_runtime_agrees(head: Path, prepared: Path) -> None:
    model = load_keras().saving.load_model(head / "model.keras")
    ids, vectors = vectors_of(prepared)
    table, _ = read_predictions(head)
    expected = model.predict(vectors[:-3], verbose=0)["probability"][:, 0]
    assert table["image_id"].tolist() == ids[:-3]
    np.testing.assert_allclose(table["probability"], expected, atol=1e-6)
    assert read_record(head / "run.json", RunFacts)["model"]["onnx"]["reason"] == NO_ONNX


def test_predictions_of_the_same_file_are_those_of_the_run(
    head: Path, file: Path, prepared: Path, tmp_path: Path, placa: Command
) -> None:
    stored, _ = read_predictions(head)
    assert placa("predict", head, "--features", file, "--out", tmp_path / "rows.parquet").returncode == 0
    rows, _ = read_predictions(tmp_path / "rows.parquet")
    assert len(rows) == len(stored) + 1
    rows = rows[rows["image_id"] != "elsewhere.png"]
    np.testing.assert_array_equal(rows["probability"], stored["probability"])
    done = placa("predict", head, prepared, "--features", file, "--out", tmp_path / "set.parquet")
    assert done.returncode == 0, done.stderr
    of_set, _ = read_predictions(tmp_path / "set.parquet")
    np.testing.assert_array_equal(of_set["probability"], stored["probability"])
    assert of_set["truth"].tolist() == stored["truth"].tolist()


def test_embeddings_of_another_maker_are_refused(head: Path, prepared: Path, tmp_path: Path) -> None:
    ids, vectors = vectors_of(prepared)
    other = write_embeddings(tmp_path / "o.parquet", ids, vectors, {**PROVENANCE, "input_size": 518})
    with raises(ProvenanceMismatchError, other=str(head), differ={"input_size": [224, 518]}):
        validate(head, prepared, "here", features=[other], progress=False)


def test_images_and_maps_are_refused_with_the_reason(
    head: Path, run: Path, file: Path, prepared: Path, tmp_path: Path, placa: Command
) -> None:
    images = prepared / "images"
    for call in (
        partial(predict_files, head, [images]),
        partial(explain_files, head, [images], tmp_path / "maps"),
        partial(load_model(head).explain, next(images.iterdir())),
        partial(load_model(head).predict, images, progress=False),
    ):
        with raises(ReadsEmbeddingsError, run=str(head)):
            call()
    assert not (tmp_path / "maps").exists()
    assert placa("predict", head, prepared).returncode == 2
    with raises(ReadsPixelsError, run=str(run)):
        validate(run, prepared, "here", features=[file], progress=False)
    from placa.inference.prepared import require_inputs

    with raises(NothingToPredictError):
        require_inputs([], [], None)
    with raises(MixedInputsError, inputs=["a.png"]):
        require_inputs([Path("a.png")], [file], None)


def test_options_that_need_pixels_are_refused(prepared: Path, file: Path, tmp_path: Path) -> None:
    for name, value in {
        "backbone": "densenet121",
        "weights": "imagenet",
        "mixup": 0.5,
        "augmentation": {"zoom": 0.1},
        "resist": "grey",
    }.items():
        with raises(OptionValueError, option=name):
            train(prepared, tmp_path / "run", TrainOptions(**{name: value}), features=[file], progress=False)
    with raises(OptionValueError, option="hidden", value=8):
        train(prepared, tmp_path / "run", TrainOptions(hidden=8), progress=False)
    assert not (tmp_path / "run").exists()


def test_folds_of_a_hidden_layer_resist_shortcuts_by_weights(prepared: Path, file: Path, tmp_path: Path) -> None:
    options = TrainOptions(hidden=8, folds=2, epochs=2, resist="weights,views", recalibration="none")
    facts = train(prepared, tmp_path / "run", options, features=[file], progress=False)
    assert facts["training"]["backbone"] == "hidden"
    # Two networks of (16 + 1) x 8 and 8 + 1 weights.
    assert facts["training"]["parameters"] == 2 * ((LENGTH + 1) * 8 + 9)
    assert facts["model"]["onnx"]["reason"] == NO_ONNX


def test_training_resumes_only_with_the_same_embeddings(prepared: Path, file: Path, tmp_path: Path) -> None:
    from placa.training.checkpoint import Checkpoint
    from placa.training.data import read_training_data
    from placa.training.embedding_options import suited_to_embeddings
    from placa.training.resume import resumable_training

    options = TrainOptions(epochs=2)
    data = read_training_data(prepared, features=str(file))
    suited = suited_to_embeddings(options, 10)
    out = tmp_path / "run"
    with (
        pytest.raises(KeyboardInterrupt),
        resumable_training(out, data, suited, False, False, RecordedProgress(), 0) as training,
    ):
        state: Checkpoint = training.checkpoint
        state.part("network").save({"moment": {}, "watched": {}}, {})
        raise KeyboardInterrupt
    ids, vectors = vectors_of(prepared)
    other = write_embeddings(tmp_path / "o.parquet", ids, vectors)
    with pytest.raises(ChangedTrainingError):
        train(prepared, out, options, features=[other], resume=True, progress=False)


@pytest.mark.slow
def test_a_validation_and_an_update_take_embeddings_and_count_those_that_are_missing(
    head: Path, r: str, tmp_path: Path
) -> None:
    import shutil

    run = Path(shutil.copytree(head, tmp_path / "run"))
    out = tmp_path / "other"
    prepare(
        partial(read_phantoms, images=60, seed=12),
        out,
        size=64,
        plan=SplitPlan(fractions=(0.0, 0.0, 1.0)),
        progress=False,
    )
    ids, vectors = vectors_of(out)
    file = write_embeddings(tmp_path / "o.parquet", ids[2:], vectors[2:])
    summary = validate(run, out, features=[file], progress=RecordedProgress())
    facts = read_record(run / "validation" / "other" / "validation.json", ValidationFacts)
    joined = facts["embeddings"]
    assert (joined["missing"], joined["used"], facts["used"]) == (2, len(ids) - 2, len(ids) - 2)
    assert summary["headline"]["Opacity"]["n_images"] == len(ids) - 2
    with raises(ReadsEmbeddingsError):
        update(run, out, tmp_path / "new", "logistic", progress=False)
    updated = update(run, out, tmp_path / "new", "logistic", features=[file], progress=False)
    assert updated["update"]["embeddings"] == joined and updated["model"]["onnx"]["reason"] == NO_ONNX
    one = updated["update"]["findings"]["Opacity"]
    before, after = (predict_table(Predictor(each), [file])["probability"] for each in (run, tmp_path / "new"))
    assert after.mean() == pytest.approx(one["positives"] / one["images"], abs=1e-3)
    assert np.abs(after - before).max() > 1e-3
    with raises(NoUpdateError, prepared=str(out)):
        update(run, out, tmp_path / "newer", features=[file], progress=False)


def test_volumes_have_no_single_embedding(prepared: Path, file: Path, tmp_path: Path) -> None:
    import shutil

    from placa.records.reading import slabs
    from placa.training.data import read_training_data

    out = Path(shutil.copytree(prepared, tmp_path / "ct"))
    facts = json.loads((out / "source.json").read_text())
    reading = slabs(2)
    facts["reading"] = {**asdict(reading), "rule": reading.rule}
    reseal(out / "source.json", facts)
    with raises(VolumeEmbeddingsError, squares=2):
        read_training_data(out, features=[file])


def test_a_constant_number_and_a_large_mean_do_no_harm() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(5000, 3)).astype("float32")
    vectors[:, 1] = 4
    vectors[:, 2] = vectors[:, 2] * np.float32(1e-3) + np.float32(1e3)
    rows = np.arange(0, 5000, 2)
    scale = scale_of(vectors, rows)
    np.testing.assert_allclose(scale.mean, vectors[rows].mean(0, dtype="float64"))
    assert scale.variance[1] == 1
    network = build_head(scale, 2)
    standardised = load_keras().Model(network.input, network.get_layer("scale").output)(vectors[rows])
    np.testing.assert_allclose(np.std(standardised, axis=0), [1, 0, 1], atol=0.02)
    assert float(np.abs(network(vectors[rows])).max()) == 0


def test_the_facts_of_embeddings_are_in_the_model_file(head: Path) -> None:
    from placa.models.files import read_card

    stored: EmbeddingFacts = read_card(head / "model.keras")["embeddings"]
    assert stored == {"length": LENGTH, "provenance": PROVENANCE}


def test_r_predicts_tables_and_numbers(head: Path, file: Path, prepared: Path, tmp_path: Path) -> None:
    stored, _ = read_predictions(head)
    found = predict_table_as_lists(str(head), [str(file)])
    assert found["image"] == [*stored["image_id"], "elsewhere.png"]
    np.testing.assert_array_equal(found["probability"][:-1], stored["probability"])
    _, vectors = vectors_of(prepared)
    vectors[:-3].astype("<f8").tofile(tmp_path / "numbers")
    numbers = predict_vectors_as_lists(str(head), str(tmp_path / "numbers"))
    np.testing.assert_array_equal(numbers["probability"], stored["probability"])


@pytest.mark.parametrize(("known", "key"), [(None, "unknown"), (["phantom"], "same"), (["nih"], "other"), ([], "none")])
def test_the_model_card_says_what_the_foundation_model_may_have_seen(
    head: Path, known: list[str] | None, key: str
) -> None:
    facts = read_record(head / "run.json", RunFacts)
    if known is not None:
        facts["embeddings"]["provenance"]["pretrained_on"] = known
    thresholds = read_record(head / "thresholds.json", Thresholds)
    for language in LANGUAGES:
        card = model_card(facts, thresholds, language=language)
        sentence = Words(language).say(f"pretraining.{key}", sets=", ".join(known or []))
        others = {"unknown", "same", "other", "none"} - {key}
        assert sentence in card
        assert not any(Words(language).say(f"pretraining.{one}", sets=", ".join(known or [])) in card for one in others)
        assert "--features embeddings.parquet" in card
