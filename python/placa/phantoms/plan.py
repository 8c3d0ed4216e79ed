"""Plan the images of a patient before drawing: body, poses, findings and recorded labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from placa.phantoms.anatomy import Anatomy, draw_anatomy
from placa.phantoms.geometry import Pose, draw_pose
from placa.phantoms.lesions import Disease, Gap, Spot, draw_gap, draw_spots

FINDINGS = ("Opacity", "Pneumothorax")
PREVALENCE = {"Opacity": 0.35, "Pneumothorax": 0.12}
LABEL_NOISE = 0.03
"""Share of recorded labels of each finding that differ from the truth."""
PERSISTENCE = 0.6
"""Probability that a finding keeps its state in the next image of a patient; otherwise it is sampled again."""
IMAGES_PER_PATIENT = (0.40, 0.22, 0.15, 0.11, 0.07, 0.05)


@dataclass(frozen=True)
class Plan:
    """All parameters of one image."""

    pose: Pose
    disease: Disease
    labels: dict[str, int]
    truth: dict[str, int]
    age: float


def _stream(seed: int, patient: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, patient, *key]))


def images_of(seed: int, patient: int) -> int:
    """Return the number of images of a patient: 1 to 6."""
    return 1 + int(_stream(seed, patient, 0, 1).choice(6, p=IMAGES_PER_PATIENT))


def _evolve(rng: np.random.Generator, spots: tuple[Spot, ...]) -> tuple[Spot, ...]:
    """Return the same opacities at a later time, with another size and density."""
    return tuple(
        replace(
            spot,
            radius=float(np.clip(spot.radius * rng.lognormal(0, 0.15), 7, 65)),
            thickness=float(np.clip(spot.thickness * rng.lognormal(0, 0.25), 9, 110)),
        )
        for spot in spots
    )


def _findings(seed: int, patient: int, count: int, prevalence: Mapping[str, float]) -> Iterator[Disease]:
    """Yield the findings of each image of a patient; states persist."""
    spots: tuple[Spot, ...] = ()
    gap: Gap | None = None
    for image in range(1, count + 1):
        rng = _stream(seed, patient, image, 2)
        keep, draw = rng.random(2) < PERSISTENCE, rng.random(2)
        if image > 1 and keep[0]:
            spots = _evolve(rng, spots)
        else:
            spots = draw_spots(rng) if draw[0] < prevalence["Opacity"] else ()
        if image > 1 and keep[1]:
            gap = replace(gap, apical=float(np.clip(gap.apical * rng.lognormal(0, 0.2), 8, 60))) if gap else None
        else:
            gap = draw_gap(rng) if draw[1] < prevalence["Pneumothorax"] else None
        yield Disease(spots, gap)


def plan_patient(
    seed: int, patient: int, count: int | None = None, prevalence: Mapping[str, float] = PREVALENCE
) -> tuple[Anatomy, list[Plan]]:
    """Sample the body and the images of a patient, without rendering.

    Args:
        seed: Seed of the set, ≥ 0.
        patient: Number of the patient, ≥ 0.
        count: Plan only this many images, from the first; by default all.
        prevalence: Prevalence of each finding.
    """
    body = draw_anatomy(_stream(seed, patient, 0, 0))
    total = images_of(seed, patient)
    plans = []
    mostly_bed = _stream(seed, patient, 0, 2).random() < 0.36
    planned = total if count is None else min(count, total)
    for image, disease in enumerate(_findings(seed, patient, planned, prevalence), start=1):
        rng = _stream(seed, patient, image, 1)
        view = "AP" if rng.random() < (0.85 if mostly_bed else 0.07) else "PA"
        truth = {"Opacity": int(bool(disease.spots)), "Pneumothorax": int(disease.gap is not None)}
        flipped = _stream(seed, patient, image, 3).random(len(FINDINGS)) < LABEL_NOISE
        plans.append(
            Plan(
                pose=draw_pose(rng, view, 2 * (body.half_width + body.wall)),
                disease=disease,
                truth=truth,
                labels={f: truth[f] ^ int(wrong) for f, wrong in zip(FINDINGS, flipped, strict=True)},
                age=body.age + (image - 1) // 3,
            )
        )
    return body, plans
