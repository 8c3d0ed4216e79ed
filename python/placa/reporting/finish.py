"""Finish a rendered report: what pandoc does not set in HTML and in Word files."""

from __future__ import annotations

import re
import zipfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

#: A4 with the margins of a PDF (paper.yml), in twentieths of a point.
_A4 = (
    '<w:pgSz w:w="11906" w:h="16838" /><w:pgMar w:top="907" w:right="1021" w:bottom="907" w:left="1021" '
    'w:header="708" w:footer="708" w:gutter="0" />'
)
#: Width of the text in twentieths of a point, and the number of letters of 8 points that it has room for.
_WIDTH, _LETTERS = 9864, 112
#: Sizes of the text and of the tables in half points.
_TEXT_SIZE, _TABLE_SIZE = 18, 16
#: Half points of styles whose size is their own, and the space after a paragraph in twentieths of a point.
_SIZES = {"Title": 40, "Heading1": 28, "Heading2": 24, "Heading3": 21, "VerbatimChar": 15, "Bibliography": 15}
_SPACES = {"BodyText": 90, "Compact": 14, "Bibliography": 40}
#: The smallest size of a table whose words would be split otherwise.
_SMALLEST = 12
#: A font that every word processor has, or one of its widths; the column widths are computed for it.
_FONT = "Arial"
#: A table without a table in it: Quarto puts figures and tables with a caption in tables of one cell.
_TABLE = re.compile("<w:tbl>(?:(?!<w:tbl>).)*?</w:tbl>", re.DOTALL)
_CELL = re.compile("<w:tc>.*?</w:tc>", re.DOTALL)
#: The properties of a paragraph, which Quarto writes twice, and one of them.
_PROPERTIES = re.compile(r"<w:pPr>((?:(?!</?w:pPr>).)*)</w:pPr>(?:\s*<w:pPr>((?:(?!</?w:pPr>).)*)</w:pPr>)?", re.DOTALL)
_PROPERTY = re.compile(r"<w:(\w+)(?:\s[^>]*)?/>|<w:(\w+)[^>]*>.*?</w:\2>", re.DOTALL)
#: The order of properties in a Word file; the others follow.
_ORDER = ("pStyle", "keepNext", "keepLines", "numPr", "spacing", "ind", "jc")
#: The defaults of the styles of a Word file, or a style with its name.
_STYLE = re.compile(r'<w:docDefaults>.*?</w:docDefaults>|<w:style [^>]*w:styleId="(\w+)".*?</w:style>', re.DOTALL)
#: A paragraph just before a table: its caption, after which no page must end.
_CAPTION = re.compile(
    r'(<w:p><w:pPr><w:pStyle w:val="(?:\w*Caption)" />)((?:(?!</w:p>).)*</w:p>(?=\s*<w:tbl>))', re.DOTALL
)
#: A tag with an inline style.
_STYLED = re.compile(
    r'<(?P<name>[a-zA-Z][\w-]*)(?P<before>(?:\s+[\w:-]+(?:="[^"]*")?)*?)\s+style="(?P<style>[^"&<>{}]*)"(?P<after>[^<>]*)>'
)
_STYLE_POLICY = re.compile(r"(<meta[^>]*Content-Security-Policy[^>]*style-src )(?:&#39;|[^;\"])*(?=;)")


def finish(page: Path, to: str) -> None:
    """Complete a rendered file in place.

    Args:
        page: The file.
        to: Its format; ``html`` and ``docx`` are changed.
    """
    if to == "html":
        text = page.read_text(encoding="utf-8")
        # DPUB-ARIA 1.1 has withdrawn this role.
        text = text.replace(' role="doc-biblioentry"', "")
        page.write_text(_with_styles_by_hash(text), encoding="utf-8")
    elif to == "docx":
        _set_paper(page)


def _with_styles_by_hash(text: str) -> str:
    """Make each inline style of a page a class, and allow the style sheets of the page by their hash.

    Pandoc aligns columns of tables by inline styles. The name of a class is twice in its rule, so that it has priority
    over the style sheet, as an inline style has. A content security policy (CSP level 3) can allow these only
    together with those of foreign markup.
    """
    rules: dict[str, str] = {}

    def to_class(tag: re.Match[str]) -> str:
        name = rules.setdefault(tag["style"], f"style-{len(rules) + 1}")
        rest, found = re.subn(r'(\sclass=")', rf"\g<1>{name} ", tag["before"] + tag["after"], count=1)
        return f"<{tag['name']}{rest}>" if found else f'<{tag["name"]} class="{name}"{rest}>'

    text = _STYLED.sub(to_class, text)
    sheet = "".join(f".{name}.{name} {{ {style} }}\n" for style, name in rules.items())
    text = text.replace("</head>", f"<style>\n{sheet}</style>\n</head>", 1) if sheet else text
    sheets = re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
    allowed = [f"'sha256-{b64encode(sha256(sheet.encode()).digest()).decode()}'" for sheet in dict.fromkeys(sheets)]
    if re.search(r"<link[^>]*href=\"data:text/css", text):
        allowed.append("data:")
    return _STYLE_POLICY.sub(lambda policy: policy[1] + " ".join(allowed or ["'none'"]), text, count=1)


def _set_paper(page: Path) -> None:
    """Set paper, font, sizes and widths of columns of a Word file; pandoc writes US Letter and 12 points of Aptos."""
    finished = page.with_suffix(".finished")
    with zipfile.ZipFile(page) as before, zipfile.ZipFile(finished, "w", zipfile.ZIP_DEFLATED) as after:
        for item in before.infolist():
            content = before.read(item)
            if item.filename == "word/document.xml":
                xml = _PROPERTIES.sub(_in_order, _without_frames(content.decode("utf-8")))
                xml = _CAPTION.sub(r"\1<w:keepNext />\2", _TABLE.sub(_with_widths, xml))
                content = _with_a4(xml).encode("utf-8")
            elif item.filename == "word/styles.xml":
                content = _STYLE.sub(_with_sizes, content.decode("utf-8")).encode("utf-8")
            elif item.filename == "word/theme/theme1.xml":
                fonts = re.compile(r'(<a:(?:major|minor)Font>\s*<a:latin typeface=")[^"]*')
                content = fonts.sub(rf"\g<1>{_FONT}", content.decode("utf-8")).encode("utf-8")
            after.writestr(item, content)
    finished.replace(page)


def _with_sizes(found: re.Match[str]) -> str:
    """Set the size and the space of the defaults, or of a style with a size or space of its own."""
    style, name = found[0], found[1]
    size = _SIZES.get(name) if name else _TEXT_SIZE
    if size:
        style = re.sub(r"<w:rPr\s*/>", '<w:rPr><w:sz w:val="0" /></w:rPr>', style)
        style = re.sub(r'(<w:sz w:val=")\d+', rf"\g<1>{size}", style)
    if name in _SPACES:
        style = re.sub(r"<w:pPr\s*/>", '<w:pPr><w:spacing w:after="0" /></w:pPr>', style)
        style = re.sub(r'(w:(?:after|before)=")\d+', rf"\g<1>{_SPACES[name]}", style)
    return style


def _without_frames(xml: str) -> str:
    """Take figures and tables out of the tables of one cell in which Quarto puts them with their captions."""
    parts, depth, start, end = [], 0, 0, 0
    for tag in re.finditer(r"<w:tbl>|</w:tbl>", xml):
        if tag[0] == "<w:tbl>":
            if depth == 0:
                parts.append(xml[end : tag.start()])
                start = tag.start()
            depth += 1
            continue
        depth -= 1
        if depth == 0:
            end = tag.end()
            frame = re.fullmatch(
                r'<w:tbl>(?:(?!<w:tc>).)*<w:tc>\s*<w:tcPr\s*/>\s*(<w:bookmarkStart [^>]*w:name="(?:fig|tbl)-.*)'
                r"</w:tc>\s*</w:tr>\s*</w:tbl>",
                xml[start:end],
                re.DOTALL,
            )
            parts.append(frame[1] if frame else xml[start:end])
    return "".join(parts) + xml[end:]


def _in_order(found: re.Match[str]) -> str:
    """Merge the properties of a paragraph: each once, the first alignment, in the order that Word expects."""
    properties: dict[str, str] = {}
    for one in _PROPERTY.finditer((found[2] or "") + found[1]):
        properties.setdefault(one[1] or one[2], one[0])
    names = sorted(properties, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    return f"<w:pPr>{''.join(properties[name] for name in names)}</w:pPr>"


def _with_widths(found: re.Match[str]) -> str:
    """Give the columns of a table the widths that their words need; a table of pictures stays as it is."""
    table = found[0]
    rows = [_CELL.findall(row) for row in re.findall(r"<w:tr>.*?</w:tr>", table, re.DOTALL)]
    count = max(map(len, rows), default=0)
    if "<w:drawing" in table or count == 0 or any(len(row) != count for row in rows):
        return table
    texts = [["".join(re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>", cell)) for cell in row] for row in rows]
    columns = [[text.strip() for text in column] for column in zip(*texts, strict=True)]
    least = [max(max(map(len, re.split(r"[\s/-]", text))) for text in column) + 5 for column in columns]
    wanted = [max(map(len, column)) + 5 for column in columns]
    room = max(_LETTERS - sum(least), 0)
    more = [full - word for full, word in zip(wanted, least, strict=True)]
    share = min(1.0, room / max(sum(more), 1))
    letters = [word + share * rest for word, rest in zip(least, more, strict=True)]
    widths = [round(_WIDTH * one / sum(letters)) for one in letters]
    grid = "".join(f'<w:gridCol w:w="{width}" />' for width in widths)
    table = re.sub(r"<w:tblGrid>.*?</w:tblGrid>", f"<w:tblGrid>{grid}</w:tblGrid>", table, count=1, flags=re.DOTALL)
    whole = f'<w:tblW w:type="dxa" w:w="{sum(widths)}" /><w:tblLayout w:type="fixed" />'
    table = re.sub(r"<w:tblW [^>]*/>", whole, table, count=1)
    number = iter(range(len(rows) * count))
    table = re.sub(
        r"<w:tc><w:tcPr\s*/>",
        lambda _: f'<w:tc><w:tcPr><w:tcW w:type="dxa" w:w="{widths[next(number) % count]}" /></w:tcPr>',
        table,
    )
    fits = int(_TABLE_SIZE * min(1, _LETTERS / sum(least)))
    size = f'<w:sz w:val="{max(fits, _SMALLEST)}" />'
    table = re.sub(r"<w:r><w:rPr>(.*?)</w:rPr>", rf"<w:r><w:rPr>\1{size}</w:rPr>", table, flags=re.DOTALL)
    return table.replace("<w:r><w:t", f"<w:r><w:rPr>{size}</w:rPr><w:t")


def _with_a4(xml: str) -> str:
    if "<w:pgSz" in xml:
        return re.sub(r"<w:pgSz[^>]*/>", _A4, xml)
    if re.search(r"<w:sectPr\s*/>", xml):
        return re.sub(r"<w:sectPr\s*/>", f"<w:sectPr>{_A4}</w:sectPr>", xml)
    # The page size follows the references to headers, footers and notes.
    before = r"<w:sectPr[^>]*>(?:<w:(?:header|footer)Reference[^>]*/>|<w:footnotePr>.*?</w:footnotePr>)*"
    return re.sub(f"({before})", rf"\1{_A4}", xml)
