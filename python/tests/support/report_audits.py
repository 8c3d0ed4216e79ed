"""An audit.json with every possible part, for tests of the report."""

from __future__ import annotations

from typing import Any


def _probe(
    name: str, auroc: float | None, verdict: str, reason: dict[str, Any] | None = None, finding: str = "Pneumonia"
) -> Any:
    limits = (None, None) if auroc is None else (round(auroc - 0.045, 6), round(auroc + 0.045, 6))
    row = {"probe": name, "finding": finding, "images": 240, "groups": 104, "auroc": auroc, "lower": limits[0]}
    return {**row, "upper": limits[1], "verdict": verdict, "reason": reason}


def coded(code: str, **values: int | float | str) -> dict[str, Any]:
    """A code of audit.json with its values."""
    return {"code": code, "values": values}


def _difference(what: str, train: float, test: float, verdict: str, finding: str | None = None) -> dict[str, Any]:
    row = {"what": what, "finding": finding, "train": train, "test": test, "difference": round(test - train, 6)}
    limits = {"lower": test - train - 0.0173, "upper": test - train + 0.0173}
    return {**row, **limits, "size": round(test - train, 6), "verdict": verdict}


def make_audit(findings: tuple[str, ...] = ("Pneumonia",)) -> dict[str, Any]:
    """Return an audit.json with every possible part."""
    measured = {"view_age_sex": (0.631, "some"), "file": (0.832, "strong"), "histogram": (0.794, "strong")}
    probes = [
        _probe(name, auroc - 0.02 * i, verdict, finding=finding)
        for i, finding in enumerate(findings)
        for name, (auroc, verdict) in measured.items()
    ]
    probes.append(_probe("dimensions", None, "none", coded("constant"), findings[0]))
    unknown = coded("unknown_dimensions", unknown=1214, files=5606)
    probes.append(_probe("frame", None, "none", unknown, findings[0]))
    quality = {"finding": "Pneumonia", "labels": "NIH *text* labels", "reference": "three readers", "subset": None}
    quality |= {"images": 1962, "patients": 1709, "both": 97, "labels_only": 103, "reference_only": 98, "neither": 1664}
    quality |= {"agreement": 0.897554, "agreement_lower": 0.88, "agreement_upper": 0.91, "kappa": 0.435}
    quality |= {"ppv": 0.485, "ppv_lower": 0.4167, "ppv_upper": 0.5539}
    quality |= {"sensitivity": 0.497436, "sensitivity_lower": 0.428, "sensitivity_upper": 0.567}
    here = [_difference("prevalence", 0.5112, 0.4821, "none", finding) for finding in findings]
    here += [_difference("ap", 0.4471, 0.5173, "none"), _difference("age", 54.31, 52.84, "none")]
    table = [_difference("prevalence", 0.0305, 0.1041, "strong", "Pneumothorax")]
    table += [_difference("images_per_patient", 3.09, 9.15, "strong"), _difference("female", 0.4407, 0.4201, "none")]
    side: dict[str, Any] = {"images": 168, "groups": 73, "images_per_group": 2.3, "age_median": 53.0}
    side |= {"prevalence": dict.fromkeys(findings, 0.5), "female": 0.45, "ap": 0.44}
    return {
        "schema_version": 3,
        "splits": {"train": side, "validation": side, "test": side},
        "leakage": {
            "verdict": "some",
            "patients_across_splits": 0,
            "groups_across_splits": 0,
            "image_wise_split_would_leak": 0.736214,
            "test_images_duplicated": 0.0278,
            "exact_duplicates": {"pairs": 0, "across_splits": 0, "examples": []},
            "near_duplicates": {
                "rule": {"nearest": 10, "thumbnail": 48, "side": 96, "correlation": 0.96},
                "pairs": 3,
                "across_splits": 1,
                "examples": [["image_003", "image_007", 0.9871], ["image_010", "image_011", 0.9712]],
            },
            "names": {
                "examined": 12,
                "telling": [
                    {
                        "where": "file_name",
                        "kind": "word",
                        "token": "portable_`x`",
                        "finding": "Pneumonia",
                        "images": 31,
                        "positive_with": 0.9355,
                        "positive_without": 0.4211,
                    }
                ],
                "by_construction": False,
            },
            "grouping": {
                "rule": "patient",
                "cap": None,
                "refused": None,
                "joined_by": [],
                "groups": 104,
                "largest": 7,
                "largest_share": 0.029167,
            },
        },
        "shortcuts": {
            "images": 240,
            "sampled_from": 240,
            "folds": 5,
            "penalty": 0.1,
            "seconds": 2.4,
            "probes": probes,
            "verdict": "strong",
        },
        "label_quality": [quality, quality | {"subset": "val", "images": 812}],
        "shift": {
            "here": {"train": side, "test": side, "rows": here, "verdict": "none"},
            "table": {"train": side, "test": side, "rows": table, "verdict": "strong"},
        },
        "versions": {"python": "3.11.7"},
    }
