"""Builds and installs gaffer-procfile. The settings of the tools are in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """`__version__`, read and not imported: a build has none of the requirements at hand."""
    source = (HERE / "gaffer_procfile" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise RuntimeError("gaffer_procfile/__init__.py sets no __version__")
    return found[1]


def long_description() -> str:
    readme = HERE / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="gaffer-procfile",
    version=version(),
    description="A Procfile-driven process runner on gaffer's Manager",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="the gaffer-procfile authors",
    license="MIT",
    license_files=["LICENSE"],
    packages=find_packages(include=["gaffer_procfile", "gaffer_procfile.*"]),
    package_data={
        "gaffer_procfile": ["py.typed", "pyuv_compat.h"],
        "gaffer_procfile.http": ["page/*.html", "page/static/*"],
    },
    zip_safe=False,
    python_requires=">=3.10",
    install_requires=[
        "python-dotenv>=1.0",
        "colorama>=0.4.6",
        "PyYAML>=6",
        "psutil>=5.9",
        "h11>=0.14",
        "watchfiles>=1.0",
        "pathspec>=0.12",
    ],
    extras_require={
        # Needs a C compiler and pyuv_compat.h: see docs/pyuv.md.
        "pyuv": ["pyuv==1.4.0"],
        # The web page's tests; the browser is the system's.
        "page": ["playwright==1.65.2", "axe-playwright-python==0.1.8"],
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "pytest-timeout>=2.3",
            "hypothesis>=6.100",
            "jsonschema>=4.20",
        ],
    },
    scripts=["bin/gaffer"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: Implementation :: CPython",
        "Topic :: Software Development :: Build Tools",
        "Topic :: System :: Monitoring",
        "Typing :: Typed",
    ],
)
