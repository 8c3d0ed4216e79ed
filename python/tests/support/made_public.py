"""Small copies of public sets in their true layout, with made-up patients and images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from conftest import draw

FOURTEEN = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
]
SIZE = (16, 16)


def draw_all(root: Path, files: Iterable[str]) -> None:
    """Draw a small image at each path."""
    for seed, file in enumerate(files):
        draw(root / file, seed=seed, size=SIZE)


def chexpert_rows(split: str, patients: range, effusion: list[str]) -> pd.DataFrame:
    """Return two images, frontal and lateral, of one study per patient; `effusion` are its labels in turn."""
    rows = []
    for number, patient in enumerate(patients):
        label = effusion[number % len(effusion)]
        for view, projection in (("1_frontal", "AP"), ("2_lateral", "")):
            side = view.split("_")[1].capitalize()
            path = f"CheXpert-v1.0-small/{split}/patient{patient:05}/study1/view{view}.jpg"
            labels = {name: "" for name in FOURTEEN} | {"Pleural Effusion": label}
            if label == "0.0":
                labels["No Finding"] = "1.0"
            age = 90 if number == 1 else number
            rows.append(
                {"Path": path, "Sex": "Female", "Age": age, "Frontal/Lateral": side, "AP/PA": projection, **labels}
            )
    return pd.DataFrame(rows)


def make_chexpert(root: Path) -> Path:
    """Make CheXpert-small: 12 patients in training, 4 in validation."""
    folder = root / "CheXpert-v1.0-small"
    for split, patients in (("train", range(1, 13)), ("valid", range(20, 24))):
        table = chexpert_rows(split, patients, ["1.0", "0.0", "-1.0", ""])
        draw_all(root, table["Path"])
        table.to_csv(folder / f"{split}.csv", index=False)
    return root


def make_padchest(root: Path, labels: list[str], method: str = "Physician") -> Path:
    """Make PadChest with one image per list of labels, each of its own patient."""
    rows = [
        {
            "ImageID": f"{10**30 + number}_x.png",
            "ImageDir": number % 2,
            "StudyDate_DICOM": 20140915 + number,
            "StudyID": f"{10**37 + number}",
            "PatientID": f"{8 * 10**35 + number}",
            "PatientBirth": 1930.0 + number,
            "PatientSex_DICOM": "F",
            "Projection": ("PA", "AP_horizontal")[number % 2],
            "Manufacturer_DICOM": ("PhilipsMedicalSystems", "ImagingDynamicsCompanyLtd")[number % 2],
            "MethodLabel": method,
            "Labels": cell,
        }
        for number, cell in enumerate(labels)
    ]
    table = pd.DataFrame(rows)
    draw_all(root, (f"{row['ImageDir']}/{row['ImageID']}" for row in rows))
    table.to_csv(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv")
    return root


def make_rsna(root: Path) -> Path:
    """Make RSNA: four images, one with two boxes; the third is neither normal nor positive."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "stage_2_train_labels.csv").write_text(
        "patientId,x,y,width,height,Target\na,,,,,0\nb,264.0,152.0,213.0,379.0,1\nb,562.0,152.0,256.0,453.0,1\n"
        "c,,,,,0\nd,512,512,256,256,1\n"
    )
    (root / "stage_2_detailed_class_info.csv").write_text(
        "patientId,class\na,Normal\nb,Lung Opacity\nb,Lung Opacity\nc,No Lung Opacity / Not Normal\nd,Lung Opacity\n"
    )
    draw_all(root, (f"stage_2_train_images/{name}.png" for name in "abcd"))
    return root


def make_siim(root: Path) -> Path:
    """Make SIIM: an image without a mask, and one with two masks."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "train-rle.csv").write_text(
        # The first mask has rows 10 to 14 of columns 2 and 3, the second rows 0 to 9 of column 100.
        f"ImageId, EncodedPixels\n1.2.3,-1\n1.2.4,{2 * 1024 + 10} 5 1019 5\n1.2.4,{100 * 1024} 10\n"
    )
    draw_all(root, (f"dicom-images-train/{name}/{name}.99/{name}.png" for name in ("1.2.3", "1.2.4")))
    return root


def make_vindr(root: Path) -> Path:
    """Make Kaggle's table: three readers of three images."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    lines += [f"a,Cardiomegaly,3,R{reader},4,4,12,8" for reader in (8, 9)]
    lines += ["a,Pneumothorax,12,R10,0,0,16,16"]
    lines += [f"b,No finding,14,R{reader},,,," for reader in (1, 2, 3)]
    lines += [f"c,Cardiomegaly,3,R{reader},0,0,8,8" for reader in (8, 9, 10)]
    (root / "train.csv").write_text("\n".join(lines) + "\n")
    draw_all(root, (f"train/{name}.png" for name in "abc"))
    return root


def make_kermany(root: Path) -> Path:
    """Make chest_xray with a second copy in it and files of macOS; numbers restart in the test set."""
    names = [
        *(f"train/PNEUMONIA/person{person}_bacteria_{person}{image}.jpeg" for person in (1, 2, 3) for image in (1, 2)),
        "train/PNEUMONIA/person4_virus_9.jpeg",
        *(f"train/NORMAL/IM-{number:04}-0001.jpeg" for number in (115, 116, 117, 118)),
        "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
        "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
        *(f"test/PNEUMONIA/person1_virus_{image}.jpeg" for image in (6, 7)),
        *(f"test/NORMAL/NORMAL2-IM-{number:04}-0001-0002.jpeg" for number in (35, 36)),
    ]
    draw_all(root / "chest_xray", names)
    draw_all(root / "chest_xray" / "chest_xray", names[:3])
    (root / "__MACOSX" / "train" / "NORMAL").mkdir(parents=True)
    (root / "chest_xray" / "train" / "NORMAL" / ".DS_Store").write_bytes(b"x")
    return root


def make_mimic(root: Path) -> Path:
    """Make MIMIC-CXR-JPG: six studies of three patients, with both labelers and a radiologist's labels."""
    root.mkdir(parents=True, exist_ok=True)
    studies = [(10000032, 50414267, "train"), (10000032, 50414268, "train"), (10000764, 57375967, "validate")]
    studies += [(10000898, 50771383, "test"), (10000898, 54205396, "test"), (10000935, 50578979, "test")]
    metadata, splits, labels = [], [], []
    for number, (patient, study, split) in enumerate(studies):
        image = f"{number:08x}-{'0' * 8}-{'1' * 8}-{'2' * 8}-{'3' * 8}"
        draw_all(root, [f"files/p{str(patient)[:2]}/p{patient}/s{study}/{image}.jpg"])
        position = "LL" if number == 1 else "PA"
        metadata.append({"dicom_id": image, "subject_id": patient, "study_id": study, "ViewPosition": position})
        splits.append({"dicom_id": image, "study_id": study, "subject_id": patient, "split": split})
        value = ["1.0", "0.0", "-1.0", ""][number % 4]
        if number != 5:
            cells = {name: "" for name in sorted(FOURTEEN)} | {"Edema": value}
            labels.append({"subject_id": patient, "study_id": study} | cells)
    pd.DataFrame(metadata).to_csv(root / "mimic-cxr-2.0.0-metadata.csv.gz", index=False)
    pd.DataFrame(splits).to_csv(root / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    pd.DataFrame(labels).to_csv(root / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False)
    pd.DataFrame(labels).assign(Edema="0.0").to_csv(root / "mimic-cxr-2.0.0-negbio.csv.gz", index=False)
    read = pd.DataFrame({"study_id": [50771383, 54205396], "Edema": [1, 0], "Airspace Opacity": [0, 1]})
    read.to_csv(root / "mimic-cxr-2.1.0-test-set-labeled.csv", index=False)
    return root


def make_openi(root: Path) -> Path:
    """Make Open-I: a normal report, one with terms, one that was not indexed, and one without images."""
    reports = {
        "CXR1": (["normal"], [], 2),
        "CXR2": (["Cardiomegaly/mild", "Opacity/lung/base/left"], ["Cardiomegaly"], 1),
        "CXR3": (["No Indexing"], [], 1),
        "CXR4": (["normal"], [], 0),
    }
    folder = root / "ecgen-radiology"
    folder.mkdir(parents=True)
    for name, (major, automatic, images) in reports.items():
        terms = "".join(f"<major>{term}</major>" for term in major)
        terms += "".join(f"<automatic>{term}</automatic>" for term in automatic)
        nodes = "".join(f'<parentImage id="{name}_IM-0001-{image + 1}001"/>' for image in range(images))
        text = f'<?xml version="1.0"?><eCitation><uId id="{name}"/><MeSH>{terms}</MeSH>{nodes}</eCitation>'
        (folder / f"{name[3:]}.xml").write_text(text)
        draw_all(root, (f"NLMCXR_png/{name}_IM-0001-{image + 1}001.png" for image in range(images)))
    (root / "nlmcxr_dicom_metadata.csv").write_text(
        "imageid,Acquisition Device Processing Code,View Position\n"
        "CXR1_IM-0001-1001,60025,PA\nCXR1_IM-0001-2001,60003,PA\nCXR2_IM-0001-1001,,AP\n"
    )
    return root


def make_nlm_tb(root: Path) -> Path:
    """Make Shenzhen and Montgomery, with readings in both spellings and masks that have the images' names."""
    names = ["CHNCXR_0001_0", "CHNCXR_0002_0", "CHNCXR_0327_1", "MCUCXR_0001_0", "MCUCXR_0104_1"]
    readings = ["male 45yrs\nnormal", "female, 20 yrs\nnormal", "male 6 months\nPTB"]
    readings += ["Patient's Sex: F\nPatient's Age: 027Y\nnormal", "Patient's Sex: M\nPatient's Age: 031Y\nTB"]
    for name, reading in zip(names, readings, strict=True):
        folder = root / ("ChinaSet_AllFiles" if name.startswith("CHN") else "MontgomerySet")
        draw_all(folder, [f"CXR_png/{name}.png", f"ManualMask/leftMask/{name}.png"])
        (folder / "ClinicalReadings").mkdir(exist_ok=True)
        (folder / "ClinicalReadings" / f"{name}.txt").write_text(reading)
    return root


def make_tbx11k(root: Path) -> Path:
    """Make TBX11K with boxes of one image, test images without labels, and Shenzhen's images."""
    names = ["health/h0001", "health/h0002", "sick/s0001", "tb/tb0001", "tb/tb0002"]
    draw_all(root, (f"imgs/{name}.png" for name in [*names, "test/test_0001", "extra/shenzhen/CHNCXR_0001_0"]))
    (root / "lists").mkdir()
    (root / "lists" / "TBX11K_train.txt").write_text("\n".join(f"imgs/{name}.png" for name in names[::2]) + "\n")
    (root / "lists" / "TBX11K_val.txt").write_text("\n".join(f"imgs/{name}.png" for name in names[1::2]) + "\n")
    (root / "annotations" / "json").mkdir(parents=True)
    (root / "annotations" / "json" / "TBX11K_train.json").write_text(
        '{"categories": [{"id": 1, "name": "ActiveTuberculosis"}], "images": [{"id": 7, "file_name": "tb/tb0001.png"}],'
        ' "annotations": [{"image_id": 7, "category_id": 1, "bbox": [4.0, 8.0, 8.0, 4.0]}]}'
    )
    return root


def make_covidx(root: Path, lists: dict[str, list[str]]) -> Path:
    """Make COVIDx from the lines of its lists."""
    for name, lines in lists.items():
        split = name.split("_")[0]
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(lines) + "\n")
        draw_all(root, (f"{split}/{word}" for line in lines for word in line.split() if word.endswith(".png")))
    return root


def make_cohen(root: Path, table: str) -> Path:
    """Make a set of the family from its table; the images are those of the column ``filename`` or ``imagename``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "metadata.csv").write_bytes(table.encode("latin-1"))
    rows = pd.read_csv(root / "metadata.csv", encoding="latin-1", dtype=str)
    column = next((name for name in ("filename", "imagename") if name in rows), "patientid")
    names = rows[column].dropna().str.strip()
    draw_all(root, (f"images/{name}" if "." in name else f"images/{name}.png" for name in names if "nii" not in name))
    return root
