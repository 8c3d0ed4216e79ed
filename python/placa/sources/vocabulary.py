"""One vocabulary of findings for all public sets, so that a model of one set can be tested on another.

A finding has the name that NIH ChestX-ray14 or CheXpert gives it. ``labels`` has the labels of a set that mean the
same; ``similar`` those that are close and do not mean the same: they are never used silently. ``docs/findings.md``
shows this table; ``tools/findings`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from placa.core.errors import unknown_name
from placa.sources.errors import UncleanMappingError
from placa.sources.tables.cells import bare_name


@dataclass(frozen=True)
class Finding:
    """A finding of the vocabulary.

    Attributes:
        name: Its name in the manifest.
        spanish: Its name in Spanish.
        labels: For each set the labels that mean it.
        similar: For each set the labels that are close to it, and do not mean the same.
        spellings: Other names under which it is accepted.
    """

    name: str
    spanish: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    similar: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spellings: tuple[str, ...] = ()


def _everywhere(name: str, *kinds: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(kinds, (name,))


_CHEXPERT = ("chexpert", "mimic")
_FRACTURES = ("fracture", "rib fracture", "vertebral fracture", "clavicle fracture", "humeral fracture")
_ATELECTASES = ("atelectasis basal", "laminar atelectasis", "lobar atelectasis", "round atelectasis")

FINDINGS = (
    Finding(
        "Atelectasis",
        "atelectasia",
        _everywhere("Atelectasis", "nih", *_CHEXPERT, "vindr")
        | {"padchest": ("atelectasis", *_ATELECTASES, "segmental atelectasis", "total atelectasis")}
        | _everywhere("Pulmonary Atelectasis", "openi"),
        spellings=("Pulmonary Atelectasis", "Atelectases"),
    ),
    Finding(
        "Cardiomegaly",
        "cardiomegalia",
        _everywhere("Cardiomegaly", "nih", *_CHEXPERT, "vindr", "openi") | {"padchest": ("cardiomegaly",)},
        spellings=("Enlarged heart",),
    ),
    Finding(
        "Consolidation",
        "consolidación",
        _everywhere("Consolidation", "nih", *_CHEXPERT, "vindr", "openi") | {"padchest": ("consolidation",)},
        similar={"padchest": ("alveolar pattern",)},
    ),
    Finding(
        "Edema",
        "edema",
        _everywhere("Edema", "nih", *_CHEXPERT, "vindr")
        | {"padchest": ("pulmonary edema",), "openi": ("Pulmonary Edema",)},
        spellings=("Pulmonary Edema", "Oedema"),
    ),
    Finding(
        "Effusion",
        "derrame pleural",
        {"nih": ("Effusion",), "vindr": ("Pleural effusion",), "openi": ("Pleural Effusion",)}
        | _everywhere("Pleural Effusion", *_CHEXPERT)
        | {"padchest": ("pleural effusion", "loculated pleural effusion", "loculated fissural effusion")},
        spellings=("Pleural Effusion",),
    ),
    Finding(
        "Emphysema",
        "enfisema",
        {"nih": ("Emphysema",), "padchest": ("emphysema",), "vindr": ("Emphysema",)}
        | {"openi": ("Pulmonary Emphysema", "Emphysema")},
        similar={"padchest": ("subcutaneous emphysema", "bullas", "COPD signs")},
        spellings=("Pulmonary Emphysema",),
    ),
    Finding(
        "Fibrosis",
        "fibrosis",
        {"nih": ("Fibrosis",), "padchest": ("pulmonary fibrosis",), "vindr": ("Pulmonary fibrosis",)}
        | {"openi": ("Pulmonary Fibrosis",)},
        similar={"padchest": ("fibrotic band",)},
        spellings=("Pulmonary Fibrosis",),
    ),
    Finding(
        "Hernia",
        "hernia",
        {"nih": ("Hernia",)},
        similar={"padchest": ("hiatal hernia",), "openi": ("Hernia, Hiatal",)},
    ),
    Finding(
        "Infiltration",
        "infiltrado",
        {"nih": ("Infiltration",)},
        similar={"padchest": ("infiltrates",), "vindr": ("Infiltration",), "openi": ("Infiltrate",)}
        | dict.fromkeys(_CHEXPERT, ("Lung Opacity", "Consolidation")),
        spellings=("Infiltrate", "Infiltrates"),
    ),
    Finding(
        "Mass",
        "masa",
        {"nih": ("Mass",), "padchest": ("pulmonary mass",), "openi": ("Mass",)},
        similar=dict.fromkeys(_CHEXPERT, ("Lung Lesion",)) | {"vindr": ("Nodule/Mass",)},
    ),
    Finding(
        "Nodule",
        "nódulo",
        {"nih": ("Nodule",), "padchest": ("nodule", "multiple nodules"), "openi": ("Nodule",)},
        similar=dict.fromkeys(_CHEXPERT, ("Lung Lesion",)) | {"vindr": ("Nodule/Mass",), "padchest": ("pseudonodule",)},
    ),
    Finding(
        "Nodule or mass",
        "nódulo o masa",
        {"vindr": ("Nodule/Mass",)},
        similar=dict.fromkeys(_CHEXPERT, ("Lung Lesion",)),
        spellings=("Nodule/Mass",),
    ),
    Finding(
        "Pleural_Thickening",
        "engrosamiento pleural",
        {"nih": ("Pleural_Thickening",), "vindr": ("Pleural thickening",)}
        | {"padchest": ("pleural thickening", "apical pleural thickening", "calcified pleural thickening")},
        similar=dict.fromkeys(_CHEXPERT, ("Pleural Other",)),
        spellings=("Pleural Thickening",),
    ),
    Finding(
        "Pneumonia",
        "neumonía",
        _everywhere("Pneumonia", "nih", *_CHEXPERT, "vindr", "openi")
        | {"padchest": ("pneumonia",), "kermany": ("Pneumonia",), "covidx": ("Pneumonia",), "cohen": ("Pneumonia",)},
        similar={"rsna": ("Lung Opacity",), "padchest": ("atypical pneumonia",)},
    ),
    Finding(
        "Pneumothorax",
        "neumotórax",
        _everywhere("Pneumothorax", "nih", *_CHEXPERT, "vindr", "siim", "openi")
        | {"padchest": ("pneumothorax", "hydropneumothorax")},
    ),
    Finding(
        "Enlarged Cardiomediastinum",
        "cardiomediastino ensanchado",
        _everywhere("Enlarged Cardiomediastinum", *_CHEXPERT),
        similar={"padchest": ("mediastinal enlargement", "superior mediastinal enlargement")},
    ),
    Finding(
        "Lung Lesion",
        "lesión pulmonar",
        _everywhere("Lung Lesion", *_CHEXPERT),
        similar={"nih": ("Nodule", "Mass"), "padchest": ("nodule", "pulmonary mass"), "vindr": ("Nodule/Mass",)},
    ),
    Finding(
        "Lung Opacity",
        "opacidad pulmonar",
        _everywhere("Lung Opacity", *_CHEXPERT),
        similar={"rsna": ("Lung Opacity",), "vindr": ("Lung Opacity",), "padchest": ("increased density",)}
        | {"nih": ("Infiltration", "Consolidation"), "openi": ("Opacity",)},
        spellings=("Airspace Opacity",),
    ),
    Finding(
        "Pleural Other",
        "otra alteración pleural",
        _everywhere("Pleural Other", *_CHEXPERT),
        similar={"nih": ("Pleural_Thickening",), "padchest": ("pleural thickening", "pleural plaques")},
    ),
    Finding(
        "Fracture",
        "fractura",
        _everywhere("Fracture", *_CHEXPERT) | {"padchest": _FRACTURES},
        similar={"padchest": ("callus rib fracture",), "vindr": ("Rib fracture", "Clavicle fracture")}
        | {"openi": ("Fractures, Bone",)},
    ),
    Finding(
        "Support Devices",
        "dispositivos de soporte",
        _everywhere("Support Devices", *_CHEXPERT),
        similar={"padchest": ("NSG tube", "endotracheal tube", "pacemaker", "central venous catheter")},
    ),
    Finding(
        "Tuberculosis",
        "tuberculosis",
        {"padchest": ("tuberculosis",), "vindr": ("Tuberculosis",), "nlm-tb": ("Tuberculosis",)}
        | {"tbx11k": ("Tuberculosis",), "cohen": ("Tuberculosis",)},
        similar={"padchest": ("tuberculosis sequelae",)},
        spellings=("TB",),
    ),
    Finding(
        "COVID-19",
        "COVID-19",
        {"covidx": ("COVID-19",), "cohen": ("COVID-19",)},
        spellings=("COVID", "COVID19"),
    ),
    Finding(
        "Bacterial Pneumonia",
        "neumonía bacteriana",
        {"kermany": ("Bacterial Pneumonia",), "cohen": ("Bacterial",)},
        spellings=("bacteria", "bacterial"),
    ),
    Finding(
        "Viral Pneumonia",
        "neumonía vírica",
        {"kermany": ("Viral Pneumonia",), "cohen": ("Viral",)},
        spellings=("virus", "viral"),
    ),
    Finding(
        "No Finding",
        "sin hallazgos",
        _everywhere("No Finding", "nih", *_CHEXPERT, "siim")
        | {"padchest": ("normal",), "vindr": ("No finding",), "openi": ("normal",), "kermany": ("Normal",)}
        | {"cohen": ("No Finding",)},
        similar={"rsna": ("Normal",), "covidx": ("Normal",), "nlm-tb": ("Normal",), "tbx11k": ("Healthy",)},
        spellings=("Normal", "No findings", "Nofinding"),
    ),
)

_BY_SPELLING = {
    bare_name(spelling): finding
    for finding in FINDINGS
    for spelling in (finding.name, finding.spanish, *finding.spellings)
}
_NAMES = frozenset(finding.name for finding in FINDINGS)


def resolve(
    kind: str, title: str, name: str, known: Iterable[str], keywords: Iterable[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """Find the labels of a set for a finding.

    Args:
        kind: The set's name on the command line.
        title: Its name in a publication.
        name: What the user wrote: a name of the vocabulary, or a label of the set.
        known: The set's labels.
        keywords: Other accepted words, for the message.

    Returns:
        The name of the finding, and the labels that mean it. A label that the vocabulary does not have keeps its own
        name, followed by the set's if the vocabulary uses that name for something else.

    Raises:
        UncleanMappingError: The set has only labels that do not mean the same.
        UnknownNameError: The name is unknown.
    """
    own = {bare_name(label): label for label in known}
    word = bare_name(name)
    finding = _BY_SPELLING.get(word)
    meant = tuple(label for label in finding.labels.get(kind, ()) if label in own.values()) if finding else ()
    if finding and meant:
        return finding.name, meant
    # A name that this function returned is accepted too: source.json has it.
    label = own.get(word) or {bare_name(f"{label} ({title})"): label for label in own.values()}.get(word)
    if label is not None:
        for known_finding in FINDINGS:
            if known_finding.labels.get(kind) == (label,):
                return known_finding.name, (label,)
        return (f"{label} ({title})" if label in _NAMES else label), (label,)
    similar = [label for label in finding.similar.get(kind, ()) if label in own.values()] if finding else []
    if finding and similar:
        raise UncleanMappingError(
            f"{title} has no label that means {finding.name!r}. Its label {similar[0]!r} is similar and not the same "
            f"(see docs/findings.md). To use it, name it: --positive {similar[0]!r}.",
            kind=kind,
            finding=finding.name,
            similar=similar,
        )
    raise unknown_name("finding", name, [*own.values(), *keywords])
