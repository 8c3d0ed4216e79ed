"""Synthetic frontal chest radiographs: anatomy in millimetres, with the projection and attenuation of X-rays.

Modules in the order of the beam: `anatomy` (the body), `geometry` (the projection), `soft_tissue`, `vessels` and
`skeleton` (the attenuating organs), `devices` (tubes and leads), `lesions` (the findings), `film` (the detector and the
display), `scene` (one image), `plan` (the images of each patient), `draw` (PNG files).
"""
