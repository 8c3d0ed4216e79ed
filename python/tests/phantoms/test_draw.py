"""Phantoms are deterministic, labelled as documented, and anatomically plausible."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from raising import raises
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from placa.core.errors import OutOfRangeError, WrongFileTypeError
from placa.phantoms import plan as planning
from placa.phantoms.anatomy import Anatomy, draw_anatomy
from placa.phantoms.draw import draw_patient, draw_phantoms, render
from placa.phantoms.geometry import Grid, Pose, Tubes, draw_pose
from placa.phantoms.lesions import Disease, Gap, Spot
from placa.phantoms.plan import plan_patient
from placa.phantoms.scene import draw_scene

SEED = 7


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    root = tmp_path_factory.mktemp("phantoms")
    return root, draw_phantoms(root, images=24, size=96, seed=SEED, workers=1)


@pytest.fixture(scope="module")
def plans() -> pd.DataFrame:
    """Plan 1,500 patients without drawing them."""
    rows = []
    for patient in range(1500):
        body, planned = plan_patient(SEED, patient)
        for plan in planned:
            row = {"patient": patient, "sex": body.sex, "age": plan.age, "view": plan.pose.view}
            rows.append(row | plan.labels | {f"true_{k}": v for k, v in plan.truth.items()})
    return pd.DataFrame(rows)


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(
    small: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    root, frame = small
    again = draw_phantoms(tmp_path / "again", images=24, size=96, seed=SEED, workers=2)
    assert digests(root) == digests(tmp_path / "again")
    pd.testing.assert_frame_equal(frame.drop(columns="path"), again.drop(columns="path"))


def test_another_seed_gives_other_images(small: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    draw_phantoms(tmp_path, images=6, size=96, seed=SEED + 1, workers=1)
    pngs = {digest for name, digest in digests(tmp_path).items() if name.endswith(".png")}
    assert len(pngs) == 6
    assert not pngs & set(digests(small[0]).values())


def test_the_first_images_do_not_depend_on_the_number_of_images(
    small: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    draw_phantoms(tmp_path, images=5, size=96, seed=SEED, workers=1)
    fewer, more = digests(tmp_path), digests(small[0])
    assert {k: v for k, v in more.items() if k in fewer and k != "lesions.csv"} == {
        k: v for k, v in fewer.items() if k != "lesions.csv"
    }


def test_the_frame_and_the_files_are_as_documented(small: tuple[Path, pd.DataFrame]) -> None:
    root, frame = small
    assert list(frame.columns) == [
        "image_id", "path", "patient_id", "sex", "age", "view",
        "Opacity", "Pneumothorax", "true_Opacity", "true_Pneumothorax",
    ]  # fmt: skip
    assert len(frame) == 24 and frame.image_id.is_unique and frame.image_id.is_monotonic_increasing
    assert set(frame.sex) <= {"F", "M"} and set(frame.view) <= {"PA", "AP"}
    assert frame.age.dtype == np.float64 and frame.age.between(18, 96).all()
    for column in frame.columns[6:]:
        assert frame[column].dtype == np.int64 and set(frame[column]) <= {0, 1}
    for row in frame.itertuples():
        assert Path(row.path).is_absolute() and Path(row.path) == root / f"{row.image_id}.png"
        assert row.image_id.startswith(f"{row.patient_id}-")
        with Image.open(row.path) as image:
            assert image.mode == "L" and image.size == (96, 96)
    boxes = pd.read_csv(root / "lesions.csv")
    assert list(boxes.columns) == ["image_id", "finding", "x", "y", "width", "height"]
    assert (boxes.x >= 0).all() and (boxes.x + boxes.width <= 96).all() and (boxes.y + boxes.height <= 96).all()
    for finding in planning.FINDINGS:
        drawn = set(frame.image_id[frame[f"true_{finding}"] == 1])
        assert set(boxes.image_id[boxes.finding == finding]) == drawn


def test_progress_counts_up_to_the_number_of_images(tmp_path: Path) -> None:
    seen: list[int] = []
    draw_phantoms(tmp_path, images=7, size=64, seed=3, workers=1, progress=seen.append)
    assert seen == sorted(set(seen)) and seen[-1] == 7


def test_patients_have_one_to_six_images_and_all_counts_occur(plans: pd.DataFrame) -> None:
    counts = plans.groupby("patient").size()
    assert set(counts) == {1, 2, 3, 4, 5, 6}
    assert counts.value_counts(normalize=True)[1] == pytest.approx(planning.IMAGES_PER_PATIENT[0], abs=0.05)


@pytest.mark.parametrize("finding", planning.FINDINGS)
def test_prevalence_and_label_noise_are_as_documented(plans: pd.DataFrame, finding: str) -> None:
    wrong = (plans[finding] != plans[f"true_{finding}"]).sum()
    spread = np.sqrt(len(plans) * planning.LABEL_NOISE * (1 - planning.LABEL_NOISE))
    assert abs(wrong - len(plans) * planning.LABEL_NOISE) < 3.3 * spread
    # Images of one patient are similar, so the limit is for the number of patients.
    p = planning.PREVALENCE[finding]
    assert plans[f"true_{finding}"].mean() == pytest.approx(p, abs=3.3 * np.sqrt(p * (1 - p) / 1500))


def test_findings_persist_within_a_patient(plans: pd.DataFrame) -> None:
    nxt = plans.groupby("patient").true_Opacity.shift(-1)
    stays = nxt[(plans.true_Opacity == 1) & nxt.notna()].mean()
    expected = planning.PERSISTENCE + (1 - planning.PERSISTENCE) * planning.PREVALENCE["Opacity"]
    assert stays == pytest.approx(expected, abs=0.07)


@pytest.mark.parametrize("finding", planning.FINDINGS)
def test_view_sex_and_age_are_independent_of_the_findings(plans: pd.DataFrame, finding: str) -> None:
    facts = np.column_stack([plans.view == "AP", plans.sex == "F", plans.age / 100, plans.age.gt(65)]).astype(float)
    half = plans.patient < 750
    model = LogisticRegression().fit(facts[half], plans[finding][half])
    assert roc_auc_score(plans[finding][~half], model.decision_function(facts[~half])) < 0.56


def example(view: str = "PA", patient: int = 3) -> tuple[Anatomy, Pose]:
    rng = np.random.default_rng([SEED, patient])
    body = draw_anatomy(rng)
    return body, draw_pose(np.random.default_rng(patient), view, 2 * (body.half_width + body.wall))


@pytest.mark.parametrize("side", [-1, 1])
def test_an_opacity_is_brighter_inside_its_box_only(side: int) -> None:
    body, pose = example()
    spot = Spot(side, (0.5, 0.4), 24.0, 1.2, 0.3, 45.0, 0.4, 0.2, 5)
    without = draw_scene(body, pose, Disease(), 192, [1, 2, 3])
    scene = draw_scene(body, pose, Disease((spot,)), 192, [1, 2, 3])
    change = scene.pixels.astype(int) - without.pixels
    (box,) = scene.boxes
    assert box.finding == "Opacity"
    inside = np.zeros(change.shape, dtype=bool)
    inside[box.y : box.y + box.height, box.x : box.x + box.width] = True
    assert change[inside].mean() > 12
    # The patient's right lung is on the left of the image.
    assert (box.x + box.width / 2 > 96) == (side > 0)
    # Outside the lungs only scatter changes, by one or two grey levels.
    away = ~without.lung & ~inside
    assert np.abs(change[away]).mean() < 1.5
    assert without.lung[inside].mean() > 0.5


def test_opacities_raise_the_grey_levels_in_their_boxes() -> None:
    seen = 0
    for patient in range(40):
        body, planned = plan_patient(SEED, patient, 1)
        if not planned[0].disease.spots or planned[0].disease.gap:
            continue
        seen += 1
        scene = render(SEED, patient, 1, body, planned[0], 96)
        without = render(SEED, patient, 1, body, planned[0], 96, findings=False)
        change = scene.pixels.astype(float) - without.pixels
        assert len(scene.boxes) == len(planned[0].disease.spots)
        for box in scene.boxes:
            assert change[box.y : box.y + box.height, box.x : box.x + box.width].mean() > 0.5
    assert seen >= 5


def test_outside_the_pleural_line_pixels_are_darker_and_smoother() -> None:
    body, pose = example()
    without = draw_scene(body, pose, Disease(), 256, [4, 5, 6])
    gap = Gap(side=1, apical=40.0, lateral=170.0, wobble=0.0)
    scene = draw_scene(body, pose, Disease((), gap), 256, [4, 5, 6])
    (box,) = scene.boxes
    assert box.finding == "Pneumothorax" and box.x + box.width / 2 > 128
    change = scene.pixels.astype(float) - without.pixels
    beyond = np.zeros(change.shape, dtype=bool)
    beyond[box.y : box.y + box.height, box.x : box.x + box.width] = True
    beyond &= change < -5
    assert beyond.sum() > 150
    assert change[beyond].mean() < -8
    # The pleural line itself is brighter, thin, and inside the box extended by its width.
    line = change > 4
    assert 15 < line.sum() < 0.5 * beyond.sum()
    # There are no lung markings outside the line, whether or not the patient's vessels are prominent.
    bare = replace(body, markings=0.01)
    with_gap = scene.pixels.astype(float) - draw_scene(bare, pose, Disease((), gap), 256, [4, 5, 6]).pixels
    with_lung = without.pixels.astype(float) - draw_scene(bare, pose, Disease(), 256, [4, 5, 6]).pixels
    both = beyond[:, 1:] & beyond[:, :-1]
    assert np.diff(with_gap)[both].std() < 0.6 * np.diff(with_lung)[both].std()


def ratio(body: Anatomy, pose: Pose) -> float:
    """Return the cardiothoracic ratio from the masks: width of the heart divided by inner width of the thorax."""
    scene = draw_scene(body, pose, Disease(), 128, [8])
    heart, thorax = np.flatnonzero(scene.heart.any(0)), np.flatnonzero(scene.thorax.any(0))
    return (heart[-1] - heart[0]) / (thorax[-1] - thorax[0])


def test_hearts_look_wider_in_ap_than_in_pa() -> None:
    pairs = [(ratio(*example("PA", p)), ratio(*example("AP", p))) for p in range(10)]
    pa, ap = np.array(pairs).T
    assert 0.38 < pa.mean() < 0.52
    assert (ap - pa).mean() > 0.02
    assert (ap > pa).sum() >= 8


def test_a_tube_has_the_mass_of_its_geometry() -> None:
    """A straight tube of radius r and length l in the plane at depth z: attenuation x pi r^2 l x magnification^2."""
    _, pose = example()
    grid = Grid(200, pose, 220.0)
    points = np.zeros((1, 200, 3))
    points[0, :, 0], points[0, :, 1], points[0, :, 2] = np.linspace(-50, 50, 200), 100.0, 90.0
    full = np.ones((1, 200))
    laid = grid.lay(Tubes(points, 6 * full, 6 * full, 0.02 * full, 0 * full), 9)
    expected = 0.02 * np.pi * 36 * 100 * grid.magnification(90.0) ** 2 / grid.pixel**2
    assert laid.sum() == pytest.approx(expected, rel=0.01)
    # The thickness at its centre is 2 r; blur by one pixel reduces it slightly.
    crossed = laid.max(0)[laid.max(0) > 0.1]
    assert np.median(crossed) == pytest.approx(0.02 * 12, rel=0.08)


def test_one_patient_has_the_same_anatomy_in_all_images() -> None:
    patient = next(p for p in range(100) if planning.images_of(SEED, p) >= 3)
    images = draw_patient(SEED, patient, 64)
    assert len({i.sex for i in images}) == 1 and len({i.patient_id for i in images}) == 1
    assert [i.image_id for i in images] == [f"phantom-{patient:05d}-{n + 1}" for n in range(len(images))]
    assert [i.age for i in images] == sorted(i.age for i in images)
    assert not np.array_equal(images[0].pixels, images[1].pixels)


def test_pixels_use_the_range_of_a_radiograph_bones_white_and_lungs_dark() -> None:
    for patient in range(6):
        image = draw_patient(SEED, patient, 128, images=1)[0]
        assert image.pixels.dtype == np.uint8 and image.pixels.shape == (128, 128)
        lung, heart = image.pixels[image.lung_mask].mean(), image.pixels[image.heart_mask].mean()
        assert heart - lung > 12
        assert 0.1 < image.lung_mask.mean() < 0.5
        assert image.pixels.std() > 25


@pytest.mark.parametrize(
    ("name", "value", "lower", "upper"),
    [("images", 0, 1, 1_000_000), ("images", 1_000_001, 1, 1_000_000), ("size", 8, 32, None), ("seed", -1, 0, None)],
)
def test_numbers_out_of_range_are_errors(tmp_path: Path, name: str, value: int, lower: int, upper: int | None) -> None:
    with raises(OutOfRangeError, name=name, value=value, lower=lower, upper=upper):
        draw_phantoms(tmp_path, **{name: value})


def test_a_directory_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with raises(WrongFileTypeError, path=str(tmp_path / "file" / "below")):
        draw_phantoms(tmp_path / "file" / "below", images=1)
