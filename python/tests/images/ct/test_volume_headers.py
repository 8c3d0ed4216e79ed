"""Headers of volumes: texts copied from DICOM, and voxels in another file."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from made_volumes import thorax, to_image, write_volume

from placa.images.by_rule import read_file
from placa.images.read import ImageRejected
from placa.records.reading import slabs

EIGHT = slabs(8)


@pytest.mark.parametrize("text", ["QUJD" * 446, "H\u00d4PITAL", "a\tb", "\x1b$B;3ED\x1b(B", "first\n\nthird line"])
def test_copied_tags_of_any_text_do_not_damage_a_header(tmp_path: Path, text: str) -> None:
    image = to_image(thorax())
    image.SetMetaData("0010|4000", text)
    SimpleITK.WriteImage(image, str(tmp_path / "tags.mha"))
    expected = read_file(EIGHT, str(write_volume(tmp_path / "1.mha", thorax())), 32)
    assert np.array_equal(read_file(EIGHT, str(tmp_path / "tags.mha"), 32), expected)


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_beside_a_header_must_be_one_file_in_its_folder(tmp_path: Path, ending: str) -> None:
    header = tmp_path / f"1{ending}"
    SimpleITK.WriteImage(to_image(thorax()), str(header))
    [voxels] = [path for path in tmp_path.iterdir() if path != header]
    text = header.read_text()
    for other, reason in (
        (f"../{voxels.name}", "one file beside it"),
        ("LIST", "one file beside"),
        ("no.raw", "no.raw"),
    ):
        header.write_text(text.replace(voxels.name, other))
        with pytest.raises(ImageRejected, match=reason):
            read_file(EIGHT, str(header), 32)
    header.write_text(text)
    voxels.write_bytes(voxels.read_bytes()[: voxels.stat().st_size // 2])
    with pytest.raises(ImageRejected, match="truncated"):
        read_file(EIGHT, str(header), 32)
