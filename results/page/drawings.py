"""SVG files inside a page: unique ids, no script, colours that follow the reader's scheme."""

import colorsys
import re
from xml.etree import ElementTree

from markupsafe import Markup

_SVG, _XLINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_KEPT = {
    *("svg", "g", "defs", "symbol", "use", "clipPath", "pattern", "mask", "marker"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
    *("text", "tspan", "title", "desc", "image"),
}
"""The elements of a drawing; metadata, style sheets, scripts and foreign content are left out."""

_LOCAL = re.compile(r"#|data:image/png;base64,")
_REFERENCE = re.compile(r"url\(#")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_NEUTRAL = 0.08
_LEAST_LIGHT = 0.58
_PAPER, _INK = (22, 25, 31), (230, 232, 236)
"""Background and text of a page in the dark, red, green and blue of 255, as in style.css."""


class Drawings:
    """Makes SVG files part of one page.

    Parameters
    ----------
    colours : set of str
        Colours "#rrggbb" that the page itself uses.
    """

    def __init__(self, colours: set[str]) -> None:
        self._colours = {colour.lower() for colour in colours}
        self._number = 0

    def inline(self, svg: str) -> Markup:
        """The drawing as an element of the page.

        Raises
        ------
        ElementTree.ParseError
            If it is not XML.
        """
        self._number += 1
        root = ElementTree.fromstring(svg)
        self._clean(root, f"d{self._number}-")
        root.attrib |= {"fill": "currentColor", "aria-hidden": "true", "focusable": "false"}
        ElementTree.register_namespace("", _SVG)
        return Markup(ElementTree.tostring(root, encoding="unicode"))

    def variable(self, colour: str) -> str:
        """The colour as the value of a CSS property, which follows the reader's scheme."""
        self._colours.add(colour.lower())
        return f"var(--c{colour.lower().lstrip('#')})"

    def light(self) -> str:
        """Definitions of the colours for paper and light screens."""
        return "".join(f"--c{colour[1:]}:{colour};" for colour in sorted(self._colours))

    def dark(self) -> str:
        """Definitions of the colours for dark screens."""
        return "".join(
            f"--c{colour[1:]}:{_in_the_dark(colour)};" for colour in sorted(self._colours)
        )

    def _clean(self, element: ElementTree.Element, prefix: str) -> None:
        for name, value in list(element.attrib.items()):
            if name.startswith("on"):
                del element.attrib[name]
            elif name == "id":
                element.attrib[name] = prefix + value
            elif name in (_XLINK, "href"):
                del element.attrib[name]
                if _LOCAL.match(value):
                    element.attrib["href"] = re.sub("^#", f"#{prefix}", value)
            else:
                element.attrib[name] = self._value(name, value, prefix)
        for child in list(element):
            if child.tag.removeprefix(f"{{{_SVG}}}") in _KEPT:
                self._clean(child, prefix)
            else:
                element.remove(child)

    def _value(self, name: str, value: str, prefix: str) -> str:
        if name in ("d", "x", "y"):
            return _LONG.sub(lambda m: f"{float(m[0]):.2f}", value).replace("\n", "")
        value = _REFERENCE.sub(f"url(#{prefix}", value)
        return _COLOUR.sub(lambda m: self.variable(m[0]), value) if name == "style" else value


def _in_the_dark(colour: str) -> str:
    """A grey turned from paper to ink and back; another colour light enough for a dark ground."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    hue, light, saturation = colorsys.rgb_to_hls(*rgb)
    if saturation < _NEUTRAL or light in (0, 1):
        turned = [i + (p - i) * light for p, i in zip(_PAPER, _INK, strict=True)]
    else:
        rgb = list(colorsys.hls_to_rgb(hue, max(light, _LEAST_LIGHT), saturation))
        turned = [255 * part for part in rgb]
    return "#" + "".join(f"{round(part):02x}" for part in turned)
