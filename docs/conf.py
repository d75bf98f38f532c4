"""Sphinx configuration."""

import sys
from pathlib import Path

from cognito_devtoken import __version__


sys.path.insert(0, str(Path(__file__).parent))
from drawings.canvas import variables


project = "cognito-devtoken"
author = "The cognito_devtoken contributors"
copyright = author  # noqa: A001  # the name that Sphinx reads
version = release = __version__

extensions = [
    "drawings.directive",
    "myst_parser",
    "site_markup",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "cognito-devtoken"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "scorer.js")
html_theme_options = {
    "light_css_variables": variables(0),
    "dark_css_variables": variables(1),
}
html_show_sourcelink = False

# Copy the commands of a block with prompts, without the prompts and the output.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Do not fetch the inventories of other projects, so that a build needs no network.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(aioboto3|aiohttp|attrs|boto3|botocore|collections|contextlib|datetime|enum|fastapi|flask|"
        r"litestar|logging|opentelemetry|prometheus_client|starlette|svcs|types|typing)\..*",
    ),
    ("py:.*", r"(Any|BaseClient|Config|Counter|Literal|Mapping|Iterable|Callable|Self|Seconds)"),
    ("py:.*", r"cognito_devtoken\._clients\.asynchronous\.Opening"),
    ("py:.*", r"(AioSession|web\.StreamResponse|CollectorRegistry|Logger|MeterProvider|Redis)"),
    ("py:.*", r"RedisCluster"),
    ("py:.*", r"(datetime|timedelta|frozenset|ValueError|RuntimeError|TracebackType)"),
]
