"""Settings of Sphinx for this site."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # the packages, and the module `generated`

project = "prefgames"
author = "The prefgames project"
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser", "generated"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# What a parameter may be stands in its docstring, in words; types would say less.
autodoc_typehints = "none"
# The site is built without the extra llm: of what that installs, docstrings need names alone.
autodoc_mock_imports = ["torch", "transformers", "accelerate", "peft"]
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
# Docstrings are numpydoc, and the attributes of a dataclass are its parameters. Their types are
# words, such as "float in (0, 1]", and no links.
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_preprocess_types = False

nitpick_ignore = [("py:exc", "error")]  # `solvers.require` raises the exception it is given

html_theme = "furo"
html_title = f"prefgames {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
