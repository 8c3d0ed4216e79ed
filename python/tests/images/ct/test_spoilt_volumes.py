"""Volumes that other software spoilt, and whose voxels can still be read."""

from pathlib import Path

import pytest
import SimpleITK
from made_volumes import thorax, to_image, write_volume

from placa.images.by_rule import list_files, read_file
from placa.images.read import ImageRejected
from placa.records.reading import slabs

EIGHT = slabs(8)


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@pytest.mark.parametrize(("deviation", "read"), [("0.003", True), ("9.9", True), ("10.1", False), ("272.3", False)])
def test_slices_that_the_header_states_to_be_uneven_are_rejected(
    tmp_path: Path, ending: str, deviation: str, read: bool
) -> None:
    image = to_image(thorax())
    image.SetMetaData("ITK_non_uniform_sampling_deviation", deviation)
    SimpleITK.WriteImage(image, str(tmp_path / f"1{ending}"))
    if read:
        assert read_file(EIGHT, str(tmp_path / f"1{ending}"), 32).shape == (8, 32, 32)
        return
    with pytest.raises(ImageRejected) as caught:
        read_file(EIGHT, str(tmp_path / f"1{ending}"), 32)
    assert caught.value.values == {"deviation": float(deviation), "distance": 20.0}


@pytest.mark.parametrize(
    ("offset", "padding", "lung", "soft_tissue"),
    [(1024, -2000, True, False), (1024, -1000, True, False), (-1024, -3024, False, True)],
)
def test_values_that_are_no_hounsfield_units_are_rejected_by_their_shares(
    tmp_path: Path, offset: int, padding: int, lung: bool, soft_tissue: bool
) -> None:
    levels = thorax() + offset
    levels[:, :8, :8] = padding
    with pytest.raises(ImageRejected) as caught:
        read_file(EIGHT, str(write_volume(tmp_path / "1.mha", levels)), 32)
    assert (caught.value.values["lung"] < 0.01) == lung
    assert (caught.value.values["soft_tissue"] < 0.05) == soft_tissue


@pytest.mark.parametrize("ending", ["_Tilt_1", "_Eq_1", "_Tilt_Eq_1"])
def test_the_uncorrected_file_of_dcm2niix_is_rejected(tmp_path: Path, ending: str) -> None:
    for name in ("1", f"1{ending}", "2", "2_Crop_1", f"3{ending}"):
        write_volume(tmp_path / f"{name}.nii.gz", thorax(), None, None)
    refused = {}
    for path in list_files(EIGHT, [tmp_path]):
        try:
            read_file(EIGHT, str(path), 32)
        except ImageRejected as rejected:
            refused[path.name] = rejected.values["other"]
    assert refused == {"1.nii.gz": f"1{ending}.nii.gz", "2_Crop_1.nii.gz": "2.nii.gz"}
