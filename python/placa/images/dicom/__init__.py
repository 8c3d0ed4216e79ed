"""DICOM files to grey levels."""
