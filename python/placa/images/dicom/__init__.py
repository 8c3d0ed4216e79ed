"""Read DICOM files as grey levels."""
