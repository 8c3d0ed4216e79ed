"""A small DICOM radiograph, and a key for pseudonyms."""

from __future__ import annotations

from made_dicom import ramp

from placa.sources.dicom.patient_key import PatientKey

KEY = PatientKey(b"0123456789abcdef")
SMALL = ramp(side=16)
