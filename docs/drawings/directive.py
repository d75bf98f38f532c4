"""The directive ``drawing``: shows a drawing inside the page, whose theme then colours it."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from drawings import DRAWINGS, draw


class Drawing(SphinxDirective):
    """Puts both layouts of a drawing into the page; site.css shows the one that fits."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in DRAWINGS:
            raise self.error(f"Unknown drawing {name!r}; there are {', '.join(DRAWINGS)}.")
        layouts = zip(("wide", "narrow"), draw(name), strict=True)
        html = "".join(f'<div class="drawing-{layout}">{svg}</div>' for layout, svg in layouts)
        return [nodes.raw("", f'<div class="drawing-both">{html}</div>', format="html")]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("drawing", Drawing)
    # A page is written anew only if it has changed itself, so a changed drawing needs -E.
    return {"parallel_read_safe": True, "parallel_write_safe": True}
