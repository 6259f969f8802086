"""What is installed, and how Airflow finds it."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).resolve().parent
PACKAGE = "airflow_provider_hads"


def read_version() -> str:
    """Return the version that the package states, without importing it."""
    text = (HERE / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f'{PACKAGE}/__init__.py has no line like: __version__ = "1.2.3"')
    return match.group(1)


def read_readme() -> str:
    """Return the long description; empty in a build without the README."""
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.is_file() else ""


SOURCES = f"{PACKAGE}/planning/packing/compiled"
COMPILED = Extension(
    f"{PACKAGE}.planning.packing._compiled",
    sources=sorted(str(path.relative_to(HERE)) for path in HERE.glob(f"{SOURCES}/*.c")),
    depends=[f"{SOURCES}/common.h"],
    # The same sums as Python's, on every processor.
    extra_compile_args=["-O3", "-ffp-contract=off"],
    optional=True,  # without a compiler, planning takes the same steps in Python, but fewer of them
)

DATA = ["c", "cfg", "css", "h", "html", "js", "json", "md", "pyi", "sh"]

LOCAL_CLOUD = [
    "cryptography>=42",
    "moto[ec2,iam,s3,server,sqs]>=5.2,<6",
]

TEST = [
    "hypothesis>=6.100",
    "mypy>=1.15",
    "pytest>=8.3",
    "pytest-asyncio>=1.0",
    "pytest-xdist>=3.6",
    "requests>=2.32",
    "ruff>=0.9",
    "types-paramiko",
    "types-PyYAML",
    "types-requests",
    "uv>=0.5",
]

setup(
    name="airflow-provider-hads",
    version=read_version(),
    description="Run a bag of Docker tasks on EC2 spot VMs by a deadline, hibernation included",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Framework :: Apache Airflow",
        "Framework :: Apache Airflow :: Provider",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Distributed Computing",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed", *(f"**/*.{kind}" for kind in DATA)]},
    ext_modules=[COMPILED],
    zip_safe=False,
    install_requires=[
        "apache-airflow>=3.3",
        "apache-airflow-providers-amazon[aiobotocore]",
        "apache-airflow-providers-postgres",
        "apache-airflow-providers-ssh",
        "boto3>=1.37",
        "pydantic>=2.10",
    ],
    extras_require={"local": LOCAL_CLOUD, "test": TEST},
    entry_points={
        "apache_airflow_provider": [
            "provider_info=airflow_provider_hads.get_provider_info:get_provider_info",
        ],
        "airflow.plugins": ["hads=airflow_provider_hads.plugin.hads:HadsPlugin"],
    },
)
