"""A foundation model as backbone: training, resuming, prediction, and what the run states about it."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from made_foundation import make_foundation
from raising import raises

from placa.core.backend import load_keras
from placa.core.language import LANGUAGES
from placa.core.progress import SILENT
from placa.inference.explain import explain_files
from placa.inference.model import load_model as open_run
from placa.models.errors import PatchSizeError
from placa.models.files import load_model
from placa.records.errors import ProvenanceMismatchError
from placa.records.files import read_record
from placa.records.model import Thresholds
from placa.records.run_facts import RunFacts
from placa.reporting.model_card import model_card
from placa.reporting.words import Words
from placa.training.checkpoint import Checkpoint
from placa.training.data import read_training_data
from placa.training.errors import OptionValueError
from placa.training.fitting import fit_network
from placa.training.options import TrainOptions
from placa.training.phases import Phase, phases_of
from placa.workflows.train import train

pytest.importorskip("safetensors", reason="needs placa[hub]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_foundation(tmp_path_factory.mktemp("models") / "tiny-dino", "dinov2", layers=1)
    (made / "README.md").write_text("---\nlicense: other\nlicense_name: cc-by-nc-4.0\n---\nA model.\n")
    return made


@pytest.fixture(scope="module")
def tuned(prepared: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train adapters of a tiny network; tests must not change the run."""
    out = tmp_path_factory.mktemp("runs") / "tuned"
    options = TrainOptions(backbone=f"hf:{folder}", tuning="lora", epochs=2)
    train(prepared, out, options, progress=False, provenance={"pretrained_on": "phantom,nih", "model": "DINO"})
    return out


def test_a_run_states_its_foundation_model(tuned: Path, folder: Path) -> None:
    facts = read_record(tuned / "run.json", RunFacts)
    found = facts["foundation"]
    assert found["model_type"] == "dinov2"
    provenance = found["provenance"]
    assert (provenance["model"], provenance["input_size"], provenance["library"]) == ("DINO", 70, "placa")
    assert provenance["pretrained_on"] == ["phantom", "nih"] and provenance["licence"] == "cc-by-nc-4.0"
    assert "bicubic from 64" in provenance["resize"] and "mean 0.485,0.456,0.406" in provenance["resize"]
    assert found["licence"] and found["licence"]["file"] == "README.md" and found["licence"]["research_only"]
    assert facts["training"]["tuning"] == "lora" and facts["training"]["input_size"] is None
    assert facts["training"]["backbone"].startswith("hf:") and facts["training"]["weights"].startswith("hf:")
    thresholds = read_record(tuned / "thresholds.json", Thresholds)
    for language in LANGUAGES:
        words, card = Words(language), model_card(facts, thresholds, language=language)
        for text in (words.say("pretraining.same", sets="phantom, nih"), words.say("pretraining.licence_research")):
            assert text in card
        assert words.say("card.limits.detail", size="70") in card


def test_a_run_predicts_and_explains_without_the_folder(tuned: Path, prepared: Path, tmp_path: Path) -> None:
    # The export to ONNX compares the outputs with those of Keras.
    assert (tuned / "model.onnx").is_file() == bool(find_spec("tensorflow"))
    images = sorted((prepared / "images").glob("*.png"))[:2]
    table, rejected = open_run(tuned).predict(images, progress=False)
    assert len(table) == 2 * table["finding"].nunique() and not rejected
    assert explain_files(tuned, [str(images[0])], tmp_path / "maps")


@pytest.mark.slow
def test_resuming_with_adapters_gives_identical_weights(prepared: Path, folder: Path, tmp_path: Path) -> None:
    if load_keras().backend.backend() == "torch":
        pytest.skip("Keras draws the masks of dropout from torch's own generator, whose state is not saved")
    data = read_training_data(prepared)
    rows, held_out = data.rows("train")[:24], data.rows("validation")
    options = TrainOptions(backbone=f"hf:{folder}", tuning="lora", epochs=3, head_epochs=1, batch_size=8)
    options = options.suited(data.size)
    complete = fit_network(data, rows, held_out, options, SILENT)

    class Interrupted(Checkpoint):
        def save(self, facts: dict, arrays: dict) -> None:
            super().save(facts, arrays)
            if facts["moment"]["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_network(data, rows, held_out, options, SILENT, Interrupted(tmp_path, every=0.0))
    resumed = fit_network(data, rows, held_out, options, SILENT, Checkpoint(tmp_path, every=0.0))
    pairs = zip(complete.network.get_weights(), resumed.network.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    before = complete.network.get_layer("block0_query_adapter_up").get_weights()[0]
    assert len(complete.monitor.history) == 3 and np.isfinite(before).all()


def test_the_phases_train_what_the_option_names(folder: Path) -> None:
    options = TrainOptions(backbone=f"hf:{folder}", epochs=10).suited(64)
    assert phases_of(options) == [Phase("head", 10, 2e-3)]
    parts = {name: phases_of(replace(options, tuning=name)) for name in ("lora", "full")}
    assert parts["lora"] == [Phase("head", 2, 2e-3), Phase("adapters", 8, pytest.approx(2e-4))]
    assert parts["full"] == [Phase("head", 2, 2e-3), Phase("all", 8, pytest.approx(4e-5))]


def test_options_that_do_not_fit_are_refused_first(prepared: Path, folder: Path, tmp_path: Path) -> None:
    backbone = f"hf:{folder}"
    for given in ({"tuning": "lora"}, {"input_size": 224}, {"backbone": backbone, "weights": "imagenet"}):
        with raises(OptionValueError, option=next(reversed(given))):
            TrainOptions(**given)
    with raises(PatchSizeError, size=64, patch=14):
        train(tmp_path / "missing", tmp_path / "run", TrainOptions(backbone=backbone, input_size=64), progress=False)
    with raises(ProvenanceMismatchError):
        train(prepared, tmp_path / "run", TrainOptions(backbone=backbone), progress=False, provenance={"dtype": "int8"})
    assert not (tmp_path / "run").exists()


def test_the_saved_model_has_stock_layers_only(tuned: Path) -> None:
    model, card = load_model(tuned / "model.keras")
    assert card["size"] == 64 and card["backbone"].startswith("hf:")
    assert model.input_shape == (None, 64, 64, 1)
