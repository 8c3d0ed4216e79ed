"""Let pydicom load although gdcm, which it loads if it is installed, fails."""

from __future__ import annotations

import sys
from functools import cache


@cache
def allow_broken_gdcm() -> None:
    """Make pydicom go without gdcm if that cannot be loaded; call it before pydicom is imported.

    pydicom expects an ImportError. Beside a folder named ``dl``, gdcm raises an AttributeError, and the import of
    pydicom fails. placa does not use gdcm.
    """
    try:
        import gdcm  # noqa: F401
    except ImportError:
        return
    except Exception:
        # None makes `import gdcm` raise an ImportError.
        sys.modules["gdcm"] = None  # type: ignore[assignment]
