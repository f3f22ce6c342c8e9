"""How the pages are built: offline, from the docstrings, the tests and the program itself."""

import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Any

import attrs
from docutils import nodes
from sphinx.application import Sphinx

import filebody

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
    "phase_table",
    "state_diagram",
]
exclude_patterns = ["_build", "_ext", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# What stands in single backticks in a docstring is code, and a link where there is such a name.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"IConsumer": "IConsumer", "IBodyProducer": "IBodyProducer"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "filebody"
html_static_path: list[str] = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"


def keep_returns_whole(*arguments: object) -> None:
    """Keep napoleon from taking a sentence up to its colon for a type.

    It looks for one in the first line of "Returns:" only, so that this line gets one word.
    """
    lines = arguments[-1]
    assert isinstance(lines, list)
    for number, line in enumerate(lines):
        if line.strip() == "Returns:" and number + 1 < len(lines):
            first = lines[number + 1]
            indent = first[: len(first) - len(first.lstrip())]
            word, _, rest = first.strip().partition(" ")
            if rest:
                lines[number + 1 : number + 2] = [indent + word, indent + rest]
            return


def clean_signature(*arguments: Any) -> tuple[str | None, str | None]:
    """Show defaults as they are written, interfaces by name, and classes by their public names."""
    _, what, _, value, _, signature, returns = arguments
    if what == "class" and attrs.has(value) and signature:
        # attrs writes defaults as look-ups by name.
        fields = attrs.fields_dict(value)
        signature = re.sub(
            r"attr_dict\['(\w+)'\]\.default",
            lambda found: repr(fields[found[1]].default),
            signature,
        )
    return _cleaned(signature), _cleaned(returns)


def _cleaned(text: str | None) -> str | None:
    if text is None:
        return None
    text = re.sub(r"<InterfaceClass [\w.]*?(\w+)>", r"\1", text)
    text = re.sub(r"<(\w+\.\w+): [^>]*>", r"\1", text)  # members of enumerations
    text = text.replace("= NOTHING", "= ...")  # made anew for each value
    return _PRIVATE.sub(r"filebody.\1", text)


def hide_private_modules(_app: Sphinx, tree: nodes.document, _name: str) -> None:
    """Show classes by their names alone, where autodoc has put the module before them."""
    for text in tree.findall(nodes.Text):
        shown = _MODULE.sub("", text)
        if shown != text and text.parent is not None:
            text.parent.replace(text, nodes.Text(shown))
    for reference in tree.findall(nodes.reference):
        if "._" in reference.get("reftitle", ""):
            where = reference.get("refid") or reference.get("refuri", "").rpartition("#")[2]
            reference["reftitle"] = where


# A module's private part, which the public names of its room do not have.
_PRIVATE = re.compile(r"\bfilebody\.(\w+\.)_\w+\.(?=[A-Z])")
_MODULE = re.compile(
    r"\b(?:filebody\.(?:\w+\.)?_\w+|filebody\.progress|collections\.abc)\.(?=[A-Z])"
)


def find_by_public_name(app: Sphinx, env: Any, node: Any, child: nodes.Node) -> Any:
    """Docstrings say `UsageError`, wherever they stand: look in the package, too."""
    target = node.get("reftarget")
    if node.get("refdomain") != "py" or target not in filebody.__all__:
        return None
    arguments = (env, node["refdoc"], app.builder, "obj", f"filebody.{target}", node, child)
    return env.get_domain("py").resolve_xref(*arguments)


def setup(app: Sphinx) -> None:
    """Put the first of these before napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", keep_returns_whole, priority=400)
    app.connect("autodoc-process-signature", clean_signature)
    app.connect("doctree-resolved", hide_private_modules)
    app.connect("missing-reference", find_by_public_name)
