"""The directive ``drawing``: puts a drawing into the page, in the colours of the theme."""

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
    # Sphinx rebuilds a page only if the source of the page has changed. If only a drawing has
    # changed, use -E.
    return {"parallel_read_safe": True, "parallel_write_safe": True}
