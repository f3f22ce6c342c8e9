"""How the pages are built: offline, from the docstrings, the tests and the program itself."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "filebody"
author = "The filebody developers"
copyright = "2026, The filebody developers"  # noqa: A001 - Sphinx's name for it
release = importlib.metadata.version("filebody")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_help",
    "contract_table",
    "error_tree",
    "state_diagram",
]
exclude_patterns = ["_build", "_ext", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# What stands in single backticks in a docstring is code, and a link where there is such a name.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "filebody"
html_static_path: list[str] = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
