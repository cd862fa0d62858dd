//! Who made a document and whom it is addressed to.

use std::ops::Range;
use std::sync::LazyLock;

use domain::fact_sheet::{Fact, Party, PartyRole, Rule};

use super::labels::Labels;
use super::lines::{Line, cells};
use super::references::announces_number;

/// Longest name that is taken for one, in bytes. Longer ones are sentences.
const LONGEST_BYTES: usize = 80;

/// Among how many first lines of a document a letterhead is looked for.
const LETTERHEAD_LINES: usize = 6;

/// What a label says about the name behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    /// None of words that head something else, and name nobody themselves.
    role: Option<PartyRole>,
    /// Whether it is too common a word to be a label without a colon.
    needs_colon: bool,
}

const fn label(role: PartyRole, needs_colon: bool) -> Label {
    Label {
        role: Some(role),
        needs_colon,
    }
}

/// A heading of something else.
const HEADING: Label = Label {
    role: None,
    needs_colon: false,
};

/// English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech and Swedish.
static LABELS: LazyLock<Labels<Label>> = LazyLock::new(|| {
    Labels::new(&[
        (
            HEADING,
            &[
                "ship to",
                "deliver to",
                "delivery address",
                "shipping address",
                "lieferadresse",
                "adresse de livraison",
                "invoice",
                "tax invoice",
                "receipt",
                "statement",
                "bill",
                "order",
                "estimate",
                "quote",
                "date",
                "details",
                "rechnung",
                "quittung",
                "gutschrift",
                "facture",
                "reçu",
                "factura",
                "recibo",
                "fattura",
                "factuur",
                "faktura",
                "faktura vat",
                "paragon",
            ],
        ),
        (
            label(PartyRole::Issuer, false),
            &[
                "sold by",
                "billed by",
                "issued by",
                "issuer",
                "seller",
                "vendor",
                "supplier",
                "remit to",
                "make checks payable to",
                "payable to",
                "service provider",
                "sprzedawca",
                "wystawca",
                "rechnungssteller",
                "verkäufer",
                "lieferant",
                "vendeur",
                "fournisseur",
                "émetteur",
                "vendedor",
                "proveedor",
                "emisor",
                "fornitore",
                "venditore",
                "fornecedor",
                "verkoper",
                "leverancier",
                "dodavatel",
                "säljare",
            ],
        ),
        (
            label(PartyRole::Issuer, true),
            &[
                "from", "von", "de", "da", "van", "od", "från", "merchant", "payee",
            ],
        ),
        (
            label(PartyRole::Recipient, false),
            &[
                "bill to",
                "billed to",
                "sold to",
                "invoice to",
                "invoiced to",
                "issued to",
                "prepared for",
                "buyer",
                "nabywca",
                "odbiorca",
                "rechnungsempfänger",
                "käufer",
                "acheteur",
                "facturé à",
                "destinataire",
                "comprador",
                "destinatario",
                "acquirente",
                "koper",
                "odběratel",
                "köpare",
            ],
        ),
        (
            label(PartyRole::Recipient, true),
            &[
                "to",
                "customer",
                "client",
                "account holder",
                "name",
                "student",
                "student name",
                "patient",
                "attn",
                "attention",
                "an",
                "kunde",
                "client name",
                "customer name",
                "cliente",
                "klient",
                "klant",
                "à",
                "para",
                "a",
                "aan",
                "do",
                "kund",
            ],
        ),
    ])
});

/// How the names of companies end. Sources: the registers of the countries.
const LEGAL_FORMS: &[&str] = &[
    "inc",
    "llc",
    "ltd",
    "limited",
    "plc",
    "corp",
    "corporation",
    "co",
    "company",
    "gmbh",
    "ag",
    "kg",
    "ug",
    "e.v",
    "sa",
    "s.a",
    "sarl",
    "s.a.r.l",
    "sas",
    "s.a.s",
    "s.r.l",
    "srl",
    "s.p.a",
    "spa",
    "s.l",
    "sl",
    "lda",
    "b.v",
    "bv",
    "n.v",
    "nv",
    "sp. z o.o",
    "sp.z o.o",
    "s.r.o",
    "a.s",
    "ab",
    "oy",
    "a/s",
    "aps",
    "as",
    "kft",
    "zrt",
    "pty ltd",
    "llp",
];

/// Gathers parties line by line.
#[derive(Default)]
pub(super) struct Parties {
    found: Vec<Fact<Party>>,
    letterhead: Option<Fact<Party>>,
    lines: usize,
    /// Labels whose names stand on the next line, with the column that each is in.
    waiting: Vec<(usize, PartyRole, String)>,
}

impl Parties {
    /// Takes in the next line of the document, passing over what is masked: the dates.
    pub(super) fn line(&mut self, line: Line<'_>, masked: &[Range<usize>]) {
        self.lines += 1;
        let cells: Vec<Range<usize>> = cells(line.text).collect();
        for (column, role, label) in std::mem::take(&mut self.waiting) {
            if let Some(cell) = cells.get(column) {
                self.name(line, cell.clone(), masked, role, &label);
            }
        }
        for column in 0..cells.len() {
            self.cell(line, &cells, column, masked);
        }
        if self.lines <= LETTERHEAD_LINES && self.letterhead.is_none() {
            self.letterhead = letterhead(line);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Fact<Party>> {
        let mut parties = self.found;
        let has_issuer = parties
            .iter()
            .any(|fact| fact.value.role == PartyRole::Issuer);
        if let Some(letterhead) = self.letterhead.filter(|_| !has_issuer) {
            parties.insert(0, letterhead);
        }
        parties
    }

    /// Takes in a cell that begins with a label: its name is behind it, in the cell beside it or below it.
    fn cell(
        &mut self,
        line: Line<'_>,
        cells: &[Range<usize>],
        column: usize,
        masked: &[Range<usize>],
    ) {
        let cell = &line.text[cells[column].clone()];
        let hits = LABELS.hits(cell);
        let Some(hit) = hits.first().filter(|hit| hit.start == 0) else {
            return;
        };
        let Some(role) = hit.rank.role else {
            return;
        };
        let rest = cell[hit.end..].trim_start();
        let has_colon = rest.starts_with(':');
        if hit.rank.needs_colon && !has_colon {
            return;
        }
        let name = rest.trim_start_matches(':').trim_start();
        let label = &cell[..hit.end];
        if !name.is_empty() {
            let end = cells[column].end;
            self.name(line, end - name.len()..end, masked, role, label);
            return;
        }
        let is_named = cells
            .get(column + 1)
            .is_some_and(|beside| self.name(line, beside.clone(), masked, role, label));
        if !is_named {
            self.waiting.push((column, role, label.to_owned()));
        }
    }

    /// Takes what stands there for a name, if it looks like one and is no date. The first of each role counts.
    fn name(
        &mut self,
        line: Line<'_>,
        at: Range<usize>,
        masked: &[Range<usize>],
        role: PartyRole,
        label: &str,
    ) -> bool {
        let text = line.text[at.clone()].split('|').next().unwrap_or_default();
        let text = text.trim_end_matches([' ', ',', ';', ':']);
        let end = at.start + text.len();
        let is_date = masked
            .iter()
            .any(|mask| mask.start < end && at.start < mask.end);
        if is_date || is_number(text) || !is_name(text) {
            return false;
        }
        if !self.found.iter().any(|fact| fact.value.role == role) {
            let party = Party {
                name: text.to_owned(),
                role,
            };
            self.found.push(Fact::new(
                party,
                Rule::Labelled,
                Some(label.to_owned()),
                Some(line.place(at.start, end)),
            ));
        }
        true
    }
}

/// A line that names a company, as at the head of its letters.
fn letterhead(line: Line<'_>) -> Option<Fact<Party>> {
    let cell = cells(line.text).next()?;
    let start = cell.start;
    let name = line.text[cell].trim_end();
    if !is_name(name) || !ends_as_company(name) {
        return None;
    }
    let party = Party {
        name: name.to_owned(),
        role: PartyRole::Issuer,
    };
    let place = line.place(start, start + name.len());
    Some(Fact::new(party, Rule::First, None, Some(place)))
}

/// Whether it is a number that is announced as one: `Number 12345`.
fn is_number(text: &str) -> bool {
    announces_number(text) && text.contains(|c: char| c.is_ascii_digit())
}

/// Whether a text looks like the name of a person or a company: some words, the first of which begins with a large letter
/// or a digit, and more letters than digits.
fn is_name(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let begins = text.chars().next().is_some_and(|c| {
        c.is_uppercase() || c.is_ascii_digit() || (c.is_alphabetic() && !c.is_lowercase())
    });
    begins
        && (2..=LONGEST_BYTES).contains(&text.len())
        && letters >= 2
        && letters > digits
        && !text.contains([':', '?', '!', '$', '€', '£'])
        && (!text.contains(". ") || ends_as_company(text))
        && LABELS.exact(text).is_none()
}

/// Whether a name ends with the legal form of a company.
fn ends_as_company(name: &str) -> bool {
    let lower = name.to_lowercase();
    let lower = lower.trim_end_matches(['.', ',', ' ', ')']);
    LEGAL_FORMS.iter().any(|form| {
        lower
            .strip_suffix(form)
            .is_some_and(|rest| rest.ends_with([' ', ',']) && rest.len() > 2)
    })
}

#[cfg(test)]
mod tests {
    use super::super::dates::dates;
    use super::super::lines::lines;
    use super::super::masks;
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut parties = Parties::default();
        for line in lines(text) {
            let dates = dates(line.text);
            parties.line(line, &masks(&dates));
        }
        let found = parties.into_vec();
        found
            .iter()
            .map(|fact| {
                let place = fact.source.place.unwrap();
                let at = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
                assert_eq!(&text[at], fact.value.name);
                format!("{}: {}", fact.value.role.as_str(), fact.value.name)
            })
            .collect()
    }

    #[test]
    fn labelled_parties_are_read_on_the_line_and_below_it() {
        assert_eq!(
            read("Seller: Harborline Motor Works\nBill to:\nJane Doe\n12 Main Street"),
            ["issuer: Harborline Motor Works", "recipient: Jane Doe"]
        );
        assert_eq!(
            read("Sprzedawca\tNabywca\nX\nSprzedawca: Zakład Jana sp. z o.o.\tNabywca: Anna Żółć"),
            ["issuer: Zakład Jana sp. z o.o.", "recipient: Anna Żółć"]
        );
        assert_eq!(
            read("To: Jane Doe\nFrom: Stanford University"),
            ["recipient: Jane Doe", "issuer: Stanford University"]
        );
    }

    #[test]
    fn parties_side_by_side_are_told_apart_by_their_columns() {
        let both = ["issuer: Firma ABC Sp. z o.o.", "recipient: Jan Kowalski"];
        assert_eq!(
            read("Sprzedawca\tNabywca\nFirma ABC Sp. z o.o.\tJan Kowalski"),
            both
        );
        assert_eq!(
            read("Sprzedawca:   Nabywca:\nFirma ABC Sp. z o.o.   Jan Kowalski"),
            both
        );
        assert_eq!(
            read("Bill To:\tShip To:\nJane Doe\tWarehouse 5"),
            ["recipient: Jane Doe"]
        );
        assert_eq!(
            read("BILL TO      INVOICE\nJane Doe"),
            ["recipient: Jane Doe"]
        );
    }

    #[test]
    fn letterhead_of_a_company_is_its_issuer() {
        assert_eq!(
            read("Stadtwerke Beispielstadt GmbH\nRechnung"),
            ["issuer: Stadtwerke Beispielstadt GmbH"]
        );
        assert_eq!(
            read("Acme, Inc.\nInvoice\nSold to: Bob Ltd"),
            ["issuer: Acme, Inc.", "recipient: Bob Ltd"]
        );
    }

    #[test]
    fn dates_amounts_and_prose_are_no_parties() {
        for text in [
            "From: 2024-01-01\tTo: 2024-01-31",
            "to be paid by Friday",
            "Customer: 77123",
            "Bill to: $45.00",
            "From the desk of nobody in particular",
            "Vendor",
            "Vendor Number 12345",
            "From: January 1, 2024\tTo: January 31, 2024",
            "Od: 1 stycznia 2024",
            "BILL TO      INVOICE",
        ] {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }
}
