#!/usr/bin/env python3
"""Makes the sample documents, `samples.json`, and the encrypted PDFs that the tests of `extract` read.

    python3 -m venv .venv && .venv/bin/pip install -r samples/requirements.txt
    .venv/bin/python samples/make.py

The results are committed. The same versions make the same bytes, so a second run changes nothing.
Every company, address, account and number is invented. Money is Decimal, and each total is checked
against the figures the manifest promises before anything is written.
"""

import io
import json
import re
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from docx import Document
from docx.shared import Pt
from openpyxl import Workbook
from openpyxl.styles import Font
from reportlab.lib import colors
from reportlab.lib.pagesizes import letter
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "shared" / "extract" / "tests" / "fixtures"
CENT = Decimal("0.01")
# A fixed moment for the members of ZIP containers, the earliest a ZIP can say.
EPOCH = (1980, 1, 1, 0, 0, 0)


def cents(value):
    """Rounds half up to cents, as a bill does."""
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


def usd(value):
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.2f}"


# ---------------------------------------------------------------- containers


def pdf(story, title, encrypt=None):
    """Lays out paragraphs and tables as one letter-sized PDF."""
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=letter, title=title, author="Sheaf samples", invariant=1, encrypt=encrypt,
        leftMargin=54, rightMargin=54, topMargin=54, bottomMargin=54,
    )
    styles = getSampleStyleSheet()
    flowables = []
    for block in story:
        if isinstance(block, str):
            style = styles["Title"] if block.startswith("# ") else styles["Normal"]
            flowables.append(Paragraph(block.removeprefix("# "), style))
            flowables.append(Spacer(1, 6))
        else:
            table = Table(block, hAlign="LEFT", spaceBefore=6, spaceAfter=10)
            table.setStyle(TableStyle([
                ("FONTSIZE", (0, 0), (-1, -1), 9),
                ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.grey),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
            ]))
            flowables.append(table)
    document.build(flowables)
    return out.getvalue()


def docx(story, title):
    """Writes paragraphs and tables as a Word document."""
    document = Document()
    document.styles["Normal"].font.size = Pt(10)
    document.core_properties.title = title
    document.core_properties.author = "Sheaf samples"
    for block in story:
        if isinstance(block, str):
            if block.startswith("# "):
                document.add_heading(block.removeprefix("# "), level=1)
            else:
                document.add_paragraph(block)
            continue
        table = document.add_table(rows=0, cols=len(block[0]))
        for row in block:
            for cell, value in zip(table.add_row().cells, row):
                cell.text = value
    out = io.BytesIO()
    document.save(out)
    return repack(out.getvalue())


def xlsx(rows, sheet_title):
    """Writes rows as the only sheet of a workbook. Numbers stay numbers."""
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = sheet_title
    for row in rows:
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, Decimal):
                cell.number_format = '"$"#,##0.00' if cell.value.as_tuple().exponent == -2 else "#,##0"
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.column_dimensions["A"].width = 36
    out = io.BytesIO()
    workbook.save(out)
    return repack(out.getvalue())


def repack(container):
    """Rewrites a ZIP container without the time it was made, so that its bytes can be made again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(container)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>2024-01-01T00:00:00Z", data)
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, data)
    return out.getvalue()


def html(title, body):
    return (
        f"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n"
        "<style>body { font-family: sans-serif; max-width: 44rem } td { padding: 0.2rem 1rem }</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    ).encode()


def html_table(rows):
    lines = ["<table>"]
    for index, row in enumerate(rows):
        tag = "th" if index == 0 else "td"
        lines.append("<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>")
    return "\n".join([*lines, "</table>\n"])


# ---------------------------------------------------------------- vehicle maintenance

SHOP = "Harborline Motor Works"
SHOP_ADDRESS = "410 Example Quay, Sampleton, CA 90000 · (555) 010-0140"
SALES_TAX = Decimal("0.075")


def repair(total, parts, labor):
    """Checks a repair order's sums and returns (subtotal, tax). Parts are taxed, labor is not."""
    parts_sum = sum(Decimal(price) for _, price in parts)
    subtotal = parts_sum + sum(Decimal(price) for _, price in labor)
    tax = cents(parts_sum * SALES_TAX)
    assert subtotal + tax == Decimal(total), (subtotal, tax, total)
    return subtotal, tax


def repair_lines(parts, labor):
    return [["Description", "Amount"]] + [[name, usd(Decimal(price))] for name, price in parts + labor]


def oil_change():
    parts = [("Full synthetic oil 0W-20, 6 qt", "41.00"), ("Oil filter and drain gasket", "11.00")]
    labor = [("Labor: oil and filter change, fluid check", "33.60")]
    subtotal, tax = repair("89.50", parts, labor)
    return pdf([
        f"# {SHOP}", SHOP_ADDRESS, "<b>Service invoice HMW-10482</b>",
        [["Invoice date", "01/15/2024"], ["Vehicle", "Lexus TX 550, plate 7SAMPLE"],
         ["Odometer", "5,204 mi"], ["Customer", "Account 0042"]],
        "Oil change with full synthetic oil. All fluids were checked and topped up. "
        "Tire pressures were set to 36 psi. No leaks were found.",
        repair_lines(parts, labor)
        + [["Subtotal", usd(subtotal)], ["Sales tax on parts (7.5%)", usd(tax)], ["Total", "$89.50"]],
        "Paid by card on the day of service. Parts and labor are covered for 12 months.",
        "Next service is recommended before 07/15/2024.",
    ], "Service invoice HMW-10482")


def tire_rotation():
    parts = [("Shop supplies: valve caps, wheel weights", "4.65")]
    labor = [("Labor: rotate and balance four tires", "40.00")]
    subtotal, tax = repair("45.00", parts, labor)
    return docx([
        f"# {SHOP}", SHOP_ADDRESS, "Service invoice HMW-10917", "Service date: March 20, 2024",
        "Vehicle: Lexus TX 550, plate 7SAMPLE. Odometer: 8,120 mi.",
        "Tire rotation, front to rear, and balance of all four wheels. Tread depth is even at 7/32 in. "
        "The left rear tire had picked up a screw that had not gone through; it was removed.",
        repair_lines(parts, labor)
        + [["Subtotal", usd(subtotal)], ["Sales tax on parts (7.5%)", usd(tax)], ["Total paid", "$45.00"]],
        "Thank you for your visit. Please check the wheel nuts after 50 miles.",
    ], "Service invoice HMW-10917")


def brake_service():
    parts = [("Front and rear brake pads, ceramic", "240.00"), ("Hardware kit and caliper grease", "20.00")]
    labor = [("Labor: replace pads, resurface rotors, bleed lines", "170.50")]
    subtotal, tax = repair("450.00", parts, labor)
    body = (
        f"<h1>{SHOP}</h1>\n<p>{SHOP_ADDRESS.replace('·', '&middot;')}</p>\n"
        "<h2>Service invoice HMW-11630</h2>\n"
        "<p>Invoice date: June 10, 2024<br>Due date: July 10, 2024<br>Vehicle: Lexus TX 550, plate 7SAMPLE<br>"
        "Odometer: 14,377 mi</p>\n"
        "<p>Brake service on both axles. The front pads were worn to 2 mm and the rear pads to 3 mm, so both sets "
        "were replaced. The rotors were resurfaced and the brake fluid was exchanged.</p>\n"
        + html_table(
            repair_lines(parts, labor)
            + [["Subtotal", usd(subtotal)], ["Sales tax on parts (7.5%)", usd(tax)], ["Amount due", "$450.00"]])
        + "<p>Keep this invoice: the brake pads are covered for 24 months.</p>\n"
        "<script>window.invoice = { total: 9999.99 };</script>\n"
    )
    return html("Service invoice HMW-11630", body)


def thirty_thousand_service():
    parts = [("Synthetic oil and filter", "48.00"), ("Cabin air filter", "32.00"), ("Engine air filter", "40.00")]
    labor = [("30k mile inspection, 62 points", "141.00"), ("Labor: coolant and brake fluid exchange", "80.00")]
    _, tax = repair("350.00", parts, labor)
    rows = [(name, price, "parts") for name, price in parts] + [(name, price, "labor") for name, price in labor]
    rows.append(("Sales tax on parts 7.5%", str(tax), "tax"))
    lines = ["date,invoice,vehicle,description,kind,amount,currency"]
    for name, price, kind in rows:
        name = f'"{name}"' if "," in name else name
        lines.append(f"2024-09-05,HMW-12244,Lexus TX 550,{name},{kind},{price},USD")
    return ("\r\n".join(lines) + "\r\n").encode()


# ---------------------------------------------------------------- electricity

UTILITY = "Pine Grove Electric (PGE)"
UTILITY_ADDRESS = "PO Box 0000, Sampleton, CA 90001"
BASELINE_KWH, BASELINE_RATE, OVER_RATE = 500, Decimal("0.24"), Decimal("0.31")
CUSTOMER_CHARGE, CITY_TAX = Decimal("4.50"), Decimal("0.027")


def electricity(total, kwh, adjustment):
    """Checks a bill's sums and returns its charge lines as (label, detail, Decimal)."""
    lines = [
        ("Baseline energy", f"{BASELINE_KWH} at $0.24 each", cents(BASELINE_KWH * BASELINE_RATE)),
        ("Energy over baseline", f"{kwh - BASELINE_KWH} at $0.31 each", cents((kwh - BASELINE_KWH) * OVER_RATE)),
        ("Customer charge", "per month", CUSTOMER_CHARGE),
        ("Fuel cost adjustment", "per month", Decimal(adjustment)),
    ]
    charges = sum(line[2] for line in lines)
    tax = cents(charges * CITY_TAX)
    assert charges + tax == Decimal(total), (charges, tax, total)
    return [*lines, ("City utility tax", "2.7%", tax)]


def november_bill():
    lines = electricity("245.67", 850, "6.21")
    return pdf([
        f"# {UTILITY}", UTILITY_ADDRESS, "<b>Electricity statement</b>",
        [["Statement date", "11/29/2024"], ["Account", "000-204-117"], ["Billing period", "11/01/2024 to 11/29/2024"],
         ["Usage", "850 kWh"], ["Due date", "12/20/2024"]],
        "You used more electricity than last month. Cooler nights raise the use of electric heating; "
        "closing vents in unused rooms and sealing doors keeps heat in.",
        [["Charge", "Basis", "Amount"]] + [[label, basis, usd(amount)] for label, basis, amount in lines],
        [["Previous balance", "$198.43"], ["Payment received, thank you", "-$198.43"],
         ["Total amount due", "$245.67"]],
        "Pay online, by mail or at any counter. Questions? Call (555) 010-0177 on weekdays.",
    ], "Electricity statement November 2024")


def october_bill():
    lines = electricity("198.43", 720, "0.51")
    return xlsx([
        [UTILITY], [UTILITY_ADDRESS], ["Electricity statement"], [],
        ["Statement date", "2024-10-30"], ["Account", "000-204-117"],
        ["Billing period", "2024-10-01 to 2024-10-30"], ["Usage", "720 kWh"], ["Due date", "2024-11-20"], [],
        ["Charge", "Basis", "Amount (USD)"],
        *[[label, basis, amount] for label, basis, amount in lines],
        ["Total amount due", None, Decimal("198.43")],
    ], "Statement")


def september_bill():
    lines = electricity("312.89", 1100, "-5.84")
    body = (
        f"<h1>{UTILITY}</h1>\n<p>{UTILITY_ADDRESS}</p>\n<h2>Electricity statement</h2>\n"
        "<p>Statement date: Sep 30, 2024</p>\n<p>Due date: Oct 21, 2024</p>\n"
        "<p>Billing period: Sep 1, 2024 &ndash; Sep 30, 2024</p>\n<p>Usage: 1,100 kWh</p>\n"
        "<p>September was the hottest month of the year here, and air conditioning made most of this bill. "
        "Raising the thermostat by two degrees lowers cooling cost by about a tenth.</p>\n"
        + html_table([["Charge", "Basis", "Amount"]] + [[label, basis, usd(amount)] for label, basis, amount in lines])
        + "<p><strong>Amount due: $312.89</strong></p>\n"
    )
    return html("Electricity statement September 2024", body)


# ---------------------------------------------------------------- university

DEPARTMENT = "Stanford Computer Science Department"
COURSES = [  # code, title, units, grade, grade points
    ("CS 161", "Design and Analysis of Algorithms", 4, "A-", Decimal("3.7")),
    ("CS 143", "Compilers", 4, "A-", Decimal("3.7")),
    ("CS 152", "Trustworthy Systems", 3, "A", Decimal("4.0")),
    ("CS 300", "Departmental Lecture Series", 1, "A", Decimal("4.0")),
]


def enrollment():
    rows = [["Course", "Title", "Units"]] + [[code, title, str(units)] for code, title, units, _, _ in COURSES]
    return docx([
        f"# {DEPARTMENT}", "Course enrollment confirmation", "Date: September 10, 2024",
        "Student number: 0000-2024. Program: MS in Computer Science. Term: Fall 2024.",
        "This letter confirms enrollment in 4 courses, 12 units in total, for the Fall 2024 term. "
        "Classes begin on September 23, 2024.",
        rows,
        "Courses may be dropped without a mark until October 11, 2024. "
        "Questions about this confirmation go to the department's student services desk.",
    ], "Course enrollment confirmation, Fall 2024")


def tuition():
    lines = [("Tuition, graduate engineering, 8-12 units", "18,350.00"), ("Campus health service fee", "240.00"),
             ("Document fee", "125.00")]
    assert sum(Decimal(price.replace(",", "")) for _, price in lines) == Decimal("18715.00")
    return pdf([
        "# Stanford Student Accounts", "1 Example Way, Stanford, CA 94300", "<b>Tuition payment receipt</b>",
        [["Receipt", "R-2024-77310"], ["Payment date", "September 20, 2024"], ["Term", "Fall 2024"],
         ["Student number", "0000-2024"], ["Department", "Computer Science"]],
        "Your tuition for Fall 2024 was paid in full. No balance remains on your account.",
        [["Charge", "Amount"]] + [[name, f"${price}"] for name, price in lines] + [["Total paid", "$18,715.00"]],
        [["Balance due", "$0.00"]],
        "Keep this receipt for your tax records.",
    ], "Tuition payment receipt, Fall 2024")


def grades():
    units = sum(course[2] for course in COURSES)
    average = sum(course[2] * course[4] for course in COURSES) / units
    assert average == Decimal("3.8") and len(COURSES) == 4
    rows = "\n".join(f"| {code} | {title} | {units} | {grade} |" for code, title, units, grade, _ in COURSES)
    return (
        f"# Grade report, Fall 2024\n\n**{DEPARTMENT}**\n\n"
        "- Student number: 0000-2024\n- Program: MS in Computer Science\n- Date issued: 2024-12-16\n\n"
        f"## Courses\n\n| Course | Title | Units | Grade |\n| --- | --- | ---: | --- |\n{rows}\n\n"
        f"## Standing\n\nFour courses were completed for a total of {units} units. "
        f"The grade point average for the term is **GPA {average:.1f}**. "
        "The student is in good academic standing.\n"
    ).encode()


def invitation():
    return (
        f"{DEPARTMENT}\n"
        "Invitation: Winter Research Open House\n\n"
        "Date: November 4, 2024\n\n"
        "Dear students,\n\n"
        "You are invited to the department's Winter Research Open House on Thursday, December 5, 2024,\n"
        "from 4:00 pm to 6:30 pm in the atrium of the Example Engineering Building.\n\n"
        "Twelve groups will show posters and demonstrations on systems, theory, robotics and\n"
        "human-computer interaction. First-year students can meet advisors and sign up for rotations.\n"
        "Light food is served. Entry is free.\n\n"
        "Please reply by November 22, 2024 so that we can plan for seating.\n\n"
        "The student services desk\n"
    ).encode()


# ---------------------------------------------------------------- everything


def quantity(amount, unit):
    return [{"amount": amount, "unit": unit}]


CAR, POWER, SCHOOL = ["lexus-tx-550"], ["pge", "electricity"], ["stanford", "cs-department"]
# file, maker, type, tags, document date, amount, quantities
SAMPLES = [
    ("lexus-2024-01-15-oil-change.pdf", oil_change, "bill", CAR, "2024-01-15", "89.50", []),
    ("lexus-2024-03-20-tire-rotation.docx", tire_rotation, "bill", CAR, "2024-03-20", "45.00", []),
    ("lexus-2024-06-10-brake-service.html", brake_service, "bill", CAR, "2024-06-10", "450.00", []),
    ("lexus-2024-09-05-30k-service.csv", thirty_thousand_service, "bill", CAR, "2024-09-05", "350.00", []),
    ("electricity-2024-11.pdf", november_bill, "bill", POWER, "2024-11-29", "245.67", quantity("850", "kWh")),
    ("electricity-2024-10.xlsx", october_bill, "bill", POWER, "2024-10-30", "198.43", quantity("720", "kWh")),
    ("electricity-2024-09.html", september_bill, "bill", POWER, "2024-09-30", "312.89", quantity("1100", "kWh")),
    ("school-enrollment-confirmation.docx", enrollment, "school", SCHOOL, "2024-09-10", None, []),
    ("school-tuition-receipt.pdf", tuition, "school", SCHOOL, "2024-09-20", "18715.00", []),
    ("school-grade-report.md", grades, "school", SCHOOL, "2024-12-16", None, []),
    ("school-event-invitation.txt", invitation, "school", SCHOOL, "2024-11-04", None, []),
]


def main():
    manifest = []
    for name, make, kind, tags, date, amount, quantities in SAMPLES:
        (HERE / name).write_bytes(make())
        money = amount and {"amount": amount, "currency": "USD"}
        manifest.append({
            "file": name, "type": kind, "tags": tags,
            "expected": {"document_date": date, "amount": money, "quantities": quantities},
        })
    (HERE / "samples.json").write_text(json.dumps(manifest, indent=2) + "\n")

    FIXTURES.mkdir(parents=True, exist_ok=True)
    page = ["# Locked statement", "Date: 2024-05-02", "Total: $12.34"]
    # One asks for a password to open; the other only forbids printing, and opens for everyone.
    for name, user_password in [("password-to-open.pdf", "secret"), ("password-to-change.pdf", "")]:
        lock = StandardEncryption(user_password, ownerPassword="owner", canPrint=0, strength=128)
        (FIXTURES / name).write_bytes(pdf(page, "Locked statement", encrypt=lock))


if __name__ == "__main__":
    main()
