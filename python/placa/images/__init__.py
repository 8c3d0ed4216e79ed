"""Image files to squares of grey levels: Pillow formats, DICOM, CT volumes."""
