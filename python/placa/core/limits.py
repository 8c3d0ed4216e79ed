"""The budget of one file: how many pixels, bytes and seconds its reader may use (docs/security.md).

A reader refuses what the header of a file states beyond a limit before it decodes the file, and stops at a limit that
no header states. Readers look the values up when they read, as ``limits.MAX_PIXELS``.
"""

from __future__ import annotations

#: Pixels of an image: more than any radiograph (a 43 x 43 cm detector at 0.05 mm has 74 million).
MAX_PIXELS = 120_000_000
#: Pixels in all scans of a JPEG: a progressive JPEG of the largest image has ten scans.
MAX_PIXELS_OF_SCANS = 10 * MAX_PIXELS
#: Images in one TIFF, previews included.
MAX_PAGES = 1_000
#: Voxels of a volume: more than any chest CT (1,024 x 1,024 x 550).
MAX_VOXELS = 600_000_000
#: Bytes of a file after decompression: voxels, a table, an archive member.
MAX_BYTES = 4 << 30
#: Values of a parquet file, which can hold many equal ones in a few bytes.
MAX_VALUES = 500_000_000
#: Bytes of a JSON record.
MAX_RECORD_BYTES = 64 << 20
#: Memory of a process that decodes files of others, in bytes: several copies of the largest image.
MAX_MEMORY = 6 << 30
#: Seconds for one file; a radiograph is decoded in one or two.
MAX_SECONDS = 120.0
