"""Synthetic frontal chest radiographs: anatomy in millimetres, projected and attenuated as an X-ray beam would.

The folder reads in the order of the beam: `anatomy` (who), `geometry` (where the beam goes), `soft_tissue`,
`vessels` and `skeleton` (what it crosses), `lesions` (what is found), `film` (what the detector makes of it),
`scene` (all of it together), `plan` (what each patient's images will show), `draw` (patients to PNG files).
"""
