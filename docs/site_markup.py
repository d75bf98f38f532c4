"""Gives tables and terms what the site needs: a phone's labels of cells, and links to terms."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def visit_entry(translator: Any, node: nodes.entry) -> None:
    """Write the cell with its column's heading, with which site.css shows a row as a card."""
    column = node.parent.column  # before the writer counts it
    type(translator).visit_entry(translator, node)
    head = node.parent.parent.parent.next_node(nodes.thead)
    if head and node.parent.parent is not head and (label := head[0][column].astext()):
        label = translator.attval(label)
        translator.body[-1] = translator.body[-1].replace(">", f' data-label="{label}">', 1)


def depart_entry(translator: Any, node: nodes.entry) -> None:
    """Write the end of the cell."""
    type(translator).depart_entry(translator, node)


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Give each term an id and a link to itself, so that one can send somebody to a message."""
    for term in doctree.findall(nodes.term):
        if term["ids"]:
            continue
        wanted = "-".join(nodes.make_id(term.astext()).split("-")[:8])
        if wanted and wanted not in doctree.ids:
            term["ids"].append(wanted)
            doctree.ids[wanted] = term
            link = f'<a class="headerlink" href="#{wanted}" title="Link to this entry">¶</a>'
            term.append(nodes.raw("", link, format="html"))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register both."""
    app.add_node(nodes.entry, override=True, html=(visit_entry, depart_entry))
    app.connect("doctree-read", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
