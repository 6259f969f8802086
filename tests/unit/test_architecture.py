"""The core stays pure, and imports point downwards only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_hads"

CORE = ("model", "planning", "control", "simulation")
"""What must be usable without Airflow, a cloud or a clock; some of it may be still to come."""

FOREIGN = ("airflow", "boto3", "botocore", "aiobotocore", "paramiko", "asyncssh", "docker", "moto")

LAYERS = (
    {"exceptions"},
    {"model"},
    {"planning"},
    {"control"},
    {"service_data"},
    {"simulation", "inputs", "cloud", "vm", "storage", "configuration"},
    {"runtime"},
)
"""From the bottom upwards; within a layer nobody imports a neighbour."""

FACE = {
    "triggers",
    "sensors",
    "operators",
    "dag_factory",
    "dag_params",
    "deadline_reference",
    "notifications",
    "plugin",
    "cli",
    "commands",
    "get_provider_info",
    "local_cloud",
}
"""On top of it all; who imports whom here is not looked at."""

OUTSIDE_WORLD = {
    "asyncio",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
"""Standard modules that read a clock, a file, the environment or the network."""

OUTSIDE_FUNCTIONS = {"open", "print", "input", "breakpoint"}

CLOCKS = {"now", "utcnow", "today"}
"""Methods of ``datetime`` and ``date``; nothing of the core's own may have such a name."""

IMPORT_ALL = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {foreign!r}:
            raise ImportError("the core must not import " + name)

sys.meta_path.insert(0, Blocked())
for package in {packages!r}:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, package + "."):
        importlib.import_module(module.name)
        print(module.name)
assert not set({foreign!r}) & set(sys.modules)
"""


def import_all(*packages: str) -> subprocess.CompletedProcess[str]:
    """Import every module of some packages in a process in which foreign libraries can't be had."""
    names = [f"airflow_provider_hads.{package}" for package in packages]
    program = IMPORT_ALL.format(foreign=FOREIGN, packages=names)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def core_files() -> list[Path]:
    return [file for package in CORE for file in sorted((PACKAGE / package).rglob("*.py"))]


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules that a file imports anywhere, also inside functions and for type checking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def impurities(source: str) -> Iterator[str]:
    """Yield what a core file uses that it must not."""
    tree = ast.parse(source)
    for module in imports(tree):
        if module.partition(".")[0] in OUTSIDE_WORLD.union(FOREIGN):
            yield f"imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name, method = getattr(node.func, "id", None), getattr(node.func, "attr", None)
            if name in OUTSIDE_FUNCTIONS or method in CLOCKS:
                yield f"line {node.lineno} calls {name or method}()"


def layer_of(name: str) -> int:
    """Return a top-level module's place; a new one must be given its place above."""
    if name in FACE:
        return len(LAYERS)
    layers = [number for number, layer in enumerate(LAYERS) if name in layer]
    assert layers, f"{name} is new: give it a place in LAYERS or FACE of {Path(__file__).name}"
    return layers[0]


def upward_imports(name: str, source: str) -> Iterator[str]:
    """Yield the provider's packages that a file of ``name`` must not import."""
    for module in imports(ast.parse(source)):
        root, _, path = module.partition(".")
        target = path.partition(".")[0]
        if root != "airflow_provider_hads" or target in ("", name):
            continue
        if name not in FACE and layer_of(target) >= layer_of(name):
            yield target


def test_the_core_can_be_imported_without_airflow_a_cloud_or_ssh_library() -> None:
    packages = [package for package in CORE if (PACKAGE / package).is_dir()]
    imported = import_all(*packages)
    assert imported.returncode == 0, imported.stderr
    modules = [file for file in core_files() if file.name != "__init__.py"]
    assert len(imported.stdout.splitlines()) >= len(modules) > 20


def test_that_import_would_be_refused_to_a_package_that_needs_airflow() -> None:
    refused = import_all("triggers")
    assert refused.returncode != 0
    assert "the core must not import airflow" in refused.stderr


@pytest.mark.parametrize("file", core_files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_core_reads_no_clock_and_touches_nothing_outside(file: Path) -> None:
    assert list(impurities(file.read_text())) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", ["imports time"]),
        ("def f():\n    from boto3.session import Session", ["imports boto3.session"]),
        ("from datetime import datetime\nx = datetime.now()", ["line 2 calls now()"]),
        ("open('x')", ["line 1 calls open()"]),
        ("from datetime import datetime\nx = datetime.fromtimestamp(0)", []),
        ("draft.open('x')", []),
    ],
)
def test_the_search_for_impurities_finds_them(source: str, found: list[str]) -> None:
    assert list(impurities(source))[: len(found) or 1] == found


def test_imports_point_downwards_only() -> None:
    upward = {
        str(file.relative_to(PACKAGE)): targets
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.parent != PACKAGE or file.name != "__init__.py"
        if (
            targets := list(
                upward_imports(file.relative_to(PACKAGE).parts[0].removesuffix(".py"), file.read_text())
            )
        )
    }
    assert upward == {}


@pytest.mark.parametrize(
    ("name", "module", "allowed"),
    [
        ("control", "model.plan", True),
        ("control", "control.rules", True),
        ("model", "control.rules", False),
        ("control", "runtime", False),
        ("cloud", "vm.commands", False),
        ("runtime", "sensors.supervise", False),
        ("sensors", "operators", True),
    ],
)
def test_the_search_for_upward_imports_finds_them(name: str, module: str, allowed: bool) -> None:
    source = f"def f():\n    import airflow_provider_hads.{module}"
    assert (list(upward_imports(name, source)) == []) is allowed


def test_every_package_has_a_layer() -> None:
    for path in PACKAGE.iterdir():
        name = path.name.removesuffix(".py")
        if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py":
            assert name == "__init__" or layer_of(name) >= 0
