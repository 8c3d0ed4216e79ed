"""Read image files as squares of grey levels: Pillow formats, DICOM, CT volumes."""
