"""The runner's package as one file that Python runs."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path

__all__ = ["runner_bundle"]

_PACKAGES_ABOVE = ("airflow_provider_hads", "airflow_provider_hads/vm")
_PACKAGE = "airflow_provider_hads/vm/runner"
_MAIN = "import sys\nfrom airflow_provider_hads.vm.runner.main import main\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@lru_cache(maxsize=1)
def runner_bundle() -> bytes:
    """Return the runner as a zip file with a ``__main__``; the same package gives the same bytes.

    Of the packages above the runner's only empty stand-ins go along: nothing else is on a VM.
    """
    folder = Path(__file__).parent / "runner"
    files = {
        "__main__.py": _MAIN,
        "airflow_provider_hads/__init__.py": "",
        "airflow_provider_hads/vm/__init__.py": "",
    }
    files.update({f"{_PACKAGE}/{path.name}": path.read_text() for path in sorted(folder.glob("*.py"))})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
