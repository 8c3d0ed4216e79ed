"""Sets that are known to have the same images."""

from __future__ import annotations

#: Before the number of a patient of NIH ChestX-ray14 in the sets that took images from it.
NIH_PREFIX = "nih-"
#: Pairs of sources with the same images or some of them, and what they share.
_SHARED = {
    frozenset({"nih", "rsna"}): "all images of RSNA are from NIH ChestX-ray14",
    frozenset({"nih", "siim"}): "all images of SIIM-ACR are from NIH ChestX-ray14",
    frozenset({"rsna", "siim"}): "both have images of NIH ChestX-ray14",
    frozenset({"nlm-tb", "tbx11k"}): "TBX11K contains the Shenzhen and Montgomery sets",
    frozenset({"covidx", "rsna"}): "COVIDx contains images of RSNA",
    frozenset({"covidx", "nih"}): "COVIDx contains images of RSNA, which are from NIH ChestX-ray14",
    frozenset(
        {"covidx", "siim"}
    ): "COVIDx contains images of RSNA, which are from NIH ChestX-ray14 as those of SIIM-ACR",
    frozenset({"cohen", "covidx"}): "COVIDx contains the images of the covid-chestxray-dataset",
}


def shared_images(first: str, second: str) -> str | None:
    """Return what two sources share by their names, or None.

    Args:
        first: The name of a source on the command line.
        second: Another, or the same.
    """
    if first == second:
        return None
    return _SHARED.get(frozenset({first, second}))


def overlapping(kind: str) -> list[str]:
    """List the sources that are known to share images with one."""
    return sorted(name for pair in _SHARED if kind in pair for name in pair - {kind})
