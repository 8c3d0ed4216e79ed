"""Conversion of stored values to grey levels."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from made_dicom import SHIPPED, lut, ramp, write_dicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from placa.images.dicom import worker as dicom_worker
from placa.images.dicom.read import read_grey
from placa.images.read import read_image

FOUR = np.array([[0, 1000], [2000, 4095]], dtype=np.uint16)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5) * 255, with x = 2 * stored - 100.
        (None, [0, (1900 - 3999.5) / 4999 + 0.5, (3900 - 3999.5) / 4999 + 0.5, 1]),
        # C.11.2.1.3.2: ((x - c) / w + 0.5) * 255
        ("LINEAR_EXACT", [0, (1900 - 4000) / 5000 + 0.5, (3900 - 4000) / 5000 + 0.5, 1]),
        # C.11.2.1.3.1: 255 / (1 + exp(-4 (x - c) / w))
        ("SIGMOID", [1 / (1 + np.exp(-4 * (x - 4000) / 5000)) for x in (-100, 1900, 3900, 8090)]),
    ],
)
def test_rescaling_and_window_match_a_manual_calculation(
    tmp_path: Path, function: str | None, expected: list[float]
) -> None:
    path = write_dicom(
        tmp_path / "a.dcm",
        FOUR,
        RescaleSlope=2,
        RescaleIntercept=-100,
        WindowCenter=[4000, 1],
        WindowWidth=[5000, 2],
        VOILUTFunction=function,
    )
    assert np.abs(read_grey(path).ravel() - 255 * np.array(expected)).max() <= 0.5


@pytest.mark.parametrize("name", ["CT_small", "MR_small", "MR_small_bigendian", "693_J2KI", "examples_overlay"])
def test_grey_levels_match_simpleitk(name: str) -> None:
    import SimpleITK as sitk

    path = SHIPPED / f"{name}.dcm"
    # SimpleITK rescales the values itself.
    image = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat64)
    header = pydicom.dcmread(path, stop_before_pixels=True)
    if "WindowCenter" in header:
        center, width = (float(np.atleast_1d(header[tag].value)[0]) for tag in ("WindowCenter", "WindowWidth"))
        low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    else:
        low, high = np.quantile(sitk.GetArrayFromImage(image), dicom_tails(), method="inverted_cdf")
    expected = sitk.GetArrayFromImage(sitk.IntensityWindowing(image, float(low), float(high), 0, 255))[0]
    assert np.abs(read_grey(path) - expected).max() <= 0.51


def dicom_tails() -> tuple[float, float]:
    from placa.images.dicom.grey import TAILS

    return TAILS


def test_air_is_black_for_both_photometric_interpretations(tmp_path: Path) -> None:
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    plain = read_grey(write_dicom(tmp_path / "2.dcm", ramp(), **window)).astype(int)
    assert plain[0, 0] == 0 and plain[0, -1] == 255
    for number, tags in enumerate(
        [
            {"PhotometricInterpretation": "MONOCHROME1"},
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"},
            {"PresentationLUTShape": "INVERSE"},
        ]
    ):
        other = read_grey(write_dicom(tmp_path / f"1-{number}.dcm", 4095 - ramp(), **window, **tags))
        assert np.abs(other - plain).max() <= 1, tags


def test_without_a_window_8_bits_are_kept_and_more_bits_are_stretched(tmp_path: Path) -> None:
    eight = (ramp(100) + 50).astype(np.uint8)
    assert (read_grey(write_dicom(tmp_path / "8.dcm", eight, bits=8)) == eight).all()
    signed = ramp(2000).astype(np.int16) - 1000
    signed[0, 0], signed[0, 1] = -32768, 32767
    levels = read_grey(write_dicom(tmp_path / "16.dcm", signed, bits=16)).astype(int)
    # Two outliers among 4,096 pixels do not change the range.
    assert np.abs(levels[5] - np.linspace(0, 255, 64)).max() <= 5
    narrow = read_grey(write_dicom(tmp_path / "odd.dcm", signed, bits=16, WindowCenter=0, WindowWidth=0))
    assert (narrow == levels).all(), "a window without a width is ignored"


def test_lookup_tables_are_applied(tmp_path: Path) -> None:
    stored = np.array([[0, 300], [600, 1023]], dtype=np.uint16)
    entries = np.arange(1024)
    # An 8-bit table with more than 256 entries, in which the index of apply_voi of pydicom overflows.
    voi = lut((entries // 4).tolist(), 0, 8)
    path = write_dicom(tmp_path / "voi.dcm", stored, bits=10, VOILUTSequence=[voi], WindowCenter=1, WindowWidth=2)
    assert read_grey(path).ravel().tolist() == [0, 75, 150, 255], "the LUT takes precedence over the window"
    steep = lut((entries * 4).tolist(), 0, 12)
    levels = read_grey(write_dicom(tmp_path / "12.dcm", stored, bits=10, VOILUTSequence=[steep]))
    assert np.abs(levels.ravel() - entries[stored.ravel()] * 4 / 4095 * 255).max() <= 0.5
    called_16 = lut((entries * 4).tolist(), 0, 16)
    assert (read_grey(write_dicom(tmp_path / "16.dcm", stored, bits=10, VOILUTSequence=[called_16])) >= levels).all()
    modality = lut((1023 - entries).tolist(), 0, 16)
    inverse = write_dicom(
        tmp_path / "mod.dcm", stored, bits=10, ModalityLUTSequence=[modality], WindowCenter=512, WindowWidth=1024
    )
    assert read_grey(inverse).ravel().tolist() == [255, 180, 105, 0]
    below = lut([0, 85, 170, 255], -2, 8)
    signed = np.array([[-5, -2], [0, 7]], dtype=np.int16)
    path = write_dicom(tmp_path / "negative.dcm", signed, bits=12, VOILUTSequence=[below])
    assert read_grey(path).ravel().tolist() == [0, 0, 170, 255]


def test_padding_is_black_and_not_used_for_the_range(tmp_path: Path) -> None:
    stored = ramp(1000) + 1000
    stored[:, :20] = 4095
    plain = read_grey(write_dicom(tmp_path / "a.dcm", stored, PixelPaddingValue=4095))
    assert plain[:, :20].max() == 0 and plain[0, -1] == 255 and plain[0, 20] <= 5
    inverted = read_grey(
        write_dicom(
            tmp_path / "b.dcm",
            stored,
            PixelPaddingValue=4000,
            PixelPaddingRangeLimit=4095,
            PhotometricInterpretation="MONOCHROME1",
        )
    )
    assert inverted[:, :20].max() == 0 and inverted[0, 20] >= 250
    everything = np.full((4, 4), 7, dtype=np.uint16)
    assert read_grey(write_dicom(tmp_path / "c.dcm", everything, PixelPaddingValue=7)).shape == (4, 4)


def test_the_window_of_an_enhanced_image_is_in_its_functional_groups(tmp_path: Path) -> None:
    window, rescale, groups = Dataset(), Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = 4000, 4000
    rescale.RescaleSlope, rescale.RescaleIntercept = 2, -100
    groups.FrameVOILUTSequence, groups.PixelValueTransformationSequence = [window], [rescale]
    apart = write_dicom(
        tmp_path / "a.dcm", FOUR, SharedFunctionalGroupsSequence=[groups], NumberOfFrames=1, PatientID="x"
    )
    flat = write_dicom(
        tmp_path / "b.dcm", FOUR, WindowCenter=4000, WindowWidth=4000, RescaleSlope=2, RescaleIntercept=-100
    )
    assert (read_grey(apart) == read_grey(flat)).all()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian]
)
def test_uncompressed_transfer_syntaxes_give_equal_pixels(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    levels = read_grey(write_dicom(tmp_path / "a.dcm", ramp(), syntax=syntax, WindowCenter=2048, WindowWidth=4096))
    assert np.abs(levels[0] - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("kind", ["JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_lossless_compression_changes_nothing(tmp_path: Path, kind: str, dtype: type) -> None:
    import gdcm

    bits = 8 if dtype is np.uint8 else 12
    stored = (np.random.default_rng(1).integers(0, 2**bits, (32, 46)) - (2048 if dtype is np.int16 else 0)).astype(
        dtype
    )
    native = write_dicom(tmp_path / "native.dcm", stored, bits=bits)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(native))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, kind)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    packed = tmp_path / "packed.dcm"
    writer.SetFileName(str(packed))
    assert writer.Write()
    assert pydicom.dcmread(packed).file_meta.TransferSyntaxUID.is_compressed
    assert (read_grey(packed) == read_grey(native)).all()


def test_twelve_bit_jpeg_is_decoded() -> None:
    stored = dicom_worker.decode_in_worker(SHIPPED / "JPGExtended.dcm")
    # SimpleITK gives these values.
    assert stored.shape == (1024, 256)
    assert (stored[420, 140], stored[230, 120], stored.max()) == (244, 95, 264)


def test_colour_is_converted_to_luminance_as_in_png(tmp_path: Path) -> None:
    for name in ("SC_rgb_rle", "SC_rgb_jpeg_gdcm", "examples_palette", "SC_ybr_full_422_uncompressed"):
        path = SHIPPED / f"{name}.dcm"
        rgb = pydicom.dcmread(path).pixel_array
        if rgb.ndim == 2:
            rgb = pydicom.pixels.apply_color_lut(rgb, pydicom.dcmread(path))[..., :3]
            rgb = (rgb // 257 if rgb.dtype == np.uint16 else rgb).astype(np.uint8)
        Image.fromarray(rgb).save(tmp_path / "a.png")
        difference = read_image(path, 64).astype(int) - read_image(tmp_path / "a.png", 64)
        assert np.abs(difference).max() <= 1, name
