"""Measures office files beside the libraries of their formats, on files that their authors ship or LibreOffice makes."""

import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import corpus
import docx
import odf.opendocument
import odf.table
import odf.text
import openpyxl
import pptx
import reader
import tokens
from odf import teletype
from pptx.enum.shapes import MSO_SHAPE_TYPE

LEAST_RECALL = 0.98
LISTED_BELOW = 0.98

# Rows of a table that its text shows: `Limits::sample_rows`.
SHOWN_ROWS = 500


def docx_words(path: Path) -> Counter[str]:
    document = docx.Document(str(path))
    blocks = list(block_texts(document.iter_inner_content()))
    for section in document.sections:
        for margin in (section.header, section.footer):
            if not margin.is_linked_to_previous:
                blocks += block_texts(margin.iter_inner_content())
    # A header that several sections repeat is read once.
    return tokens.words("\n".join(blocks))


def block_texts(blocks: Iterable[Any]) -> Iterator[str]:
    for block in blocks:
        if hasattr(block, "rows"):
            seen = set()
            for row in block.rows:
                for cell in row.cells:
                    # A merged cell is given once for each column and row that it spans.
                    if cell._tc not in seen:
                        seen.add(cell._tc)
                        yield from block_texts(cell.iter_inner_content())
        else:
            yield block.text


def pptx_words(path: Path) -> Counter[str]:
    texts = []
    for slide in pptx.Presentation(str(path)).slides:
        texts += shape_texts(slide.shapes)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            texts.append(slide.notes_slide.notes_text_frame.text)
    return tokens.words("\n".join(texts))


def shape_texts(shapes: Iterable[Any]) -> Iterator[str]:
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from shape_texts(shape.shapes)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False) and shape.has_table:
            for row in shape.table.rows:
                yield from (cell.text_frame.text for cell in row.cells)
        elif getattr(shape, "has_chart", False) and shape.has_chart:
            plots = list(shape.chart.plots)
            # The plots of a chart share their categories.
            yield from (str(category) for category in plots[0].categories)
            for series in (series for plot in plots for series in plot.series):
                yield series.name
                yield from (str(value) for value in series.values if value is not None)


def xlsx_words(path: Path) -> Counter[str]:
    book = openpyxl.load_workbook(path, data_only=True)
    values = []
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        rows = [[value for value in row if value is not None] for row in sheet.iter_rows(values_only=True)]
        filled = [row for row in rows if any(str(value).strip() for value in row)]
        values += [shown(value) for row in filled[:SHOWN_ROWS] for value in row]
    return tokens.cells(values)


def shown(value: Any) -> str:
    """A value as its text shows it: 15 digits, dates without a time of midnight."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    text = str(value)
    # What a cell that failed shows is no text of the document.
    return "" if text.startswith("#") else text.removesuffix(" 00:00:00")


# Elements whose text is none of the document: what was deleted, comments, the numbers of pages.
NOT_TEXT = {"text:tracked-changes", "office:annotation", "text:page-number", "text:page-count", "svg:desc"}
PARAGRAPHS = {"text:p", "text:h"}


def odf_words(path: Path) -> Counter[str]:
    document = odf.opendocument.load(str(path))
    texts = []
    for kind in (odf.text.P, odf.text.H):
        for paragraph in document.body.getElementsByType(kind):
            if not is_within(paragraph, NOT_TEXT):
                texts.append("".join(own_text(child) for child in paragraph.childNodes))
    return tokens.words("\n".join(texts))


def own_text(node: Any) -> str:
    """The text of a paragraph without the paragraphs in it, of notes and frames, which are given by themselves."""
    if node.nodeType in (node.TEXT_NODE, node.CDATA_SECTION_NODE):
        return node.data
    name = node.tagName
    if name in NOT_TEXT | PARAGRAPHS:
        return ""
    if name in ("text:s", "text:tab", "text:line-break"):
        return " "
    return "".join(own_text(child) for child in node.childNodes)


def ods_words(path: Path) -> Counter[str]:
    """The values of cells, which are what LibreOffice calculates with, and the text of the others."""
    document = odf.opendocument.load(str(path))
    values = []
    for sheet in document.body.getElementsByType(odf.table.Table):
        rows = []
        for row in sheet.getElementsByType(odf.table.TableRow):
            cells = []
            for cell in row.getElementsByType(odf.table.TableCell):
                kind = cell.getAttribute("valuetype")
                attribute = {"float": "value", "percentage": "value", "currency": "value", "date": "datevalue",
                             "boolean": "booleanvalue"}.get(kind)
                value = cell.getAttribute(attribute) if attribute else teletype.extractText(cell)
                if kind in ("float", "percentage", "currency"):
                    value = f"{float(value):.15g}"
                cells += [value or ""] * (int(cell.getAttribute("numbercolumnsrepeated") or 1) if value else 1)
            if any(cells):
                rows += [cells] * int(row.getAttribute("numberrowsrepeated") or 1)
        values += [value for row in rows[:SHOWN_ROWS] for value in row]
    return tokens.cells(values)


def is_within(element: Any, names: set[str]) -> bool:
    while element is not None:
        if getattr(element, "tagName", None) in names:
            return True
        element = element.parentNode
    return False


FORMATS: list[tuple[str, str, str, Callable[[Path], Counter[str]]]] = [
    ("DOCX", "python-docx", ".docx", docx_words),
    ("PPTX", "python-pptx", ".pptx", pptx_words),
    ("XLSX", "openpyxl", ".xlsx", xlsx_words),
    ("ODT", "odfpy", ".odt", odf_words),
    ("ODP", "odfpy", ".odp", odf_words),
    ("ODS", "odfpy", ".ods", ods_words),
]


def bench(binary: Path) -> bool:
    warnings.simplefilter("ignore")
    made = corpus.made_by_libreoffice()
    holds = True
    for name, library, suffix, oracle in FORMATS:
        shares, odd = [], []
        paths = [path for project in PROJECTS for path in corpus.shipped(project, {suffix})]
        paths += [path for path in made if path.suffix == suffix]
        for path in paths:
            if not zipfile.is_zipfile(path):
                continue
            try:
                theirs = oracle(path)
            except Exception as error:
                odd.append(f"  {path.name}: {library} cannot read it ({type(error).__name__})")
                continue
            reading = reader.read(binary, path)
            text = reading.text or ""
            ours = tokens.cells(text.replace("\n", "\t").split("\t")) if suffix in (".xlsx", ".ods") else tokens.words(text)
            if not theirs:
                continue
            recall, precision = tokens.shares(ours, theirs)
            shares.append((recall, precision))
            if recall < LISTED_BELOW:
                missing = " ".join(list((theirs - ours).elements())[:8])
                odd.append(f"  {path.name}: recall {recall:.3f}, {reading.outcome}; not found: {missing}")
        if not shares:
            print("\n".join([f"{name}: no files", *odd]))
            holds = False
            continue
        recall = sum(one for one, _ in shares) / len(shares)
        precision = sum(one for _, one in shares) / len(shares)
        holds &= recall >= LEAST_RECALL
        print(f"{name}: {len(shares)} files beside {library}: recall {recall:.4f} (wanted: {LEAST_RECALL}), precision {precision:.4f}")
        print("\n".join(odd))
    return holds


PROJECTS = ["odfpy", "openpyxl", "python-docx", "python-pptx"]
