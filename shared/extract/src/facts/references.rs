//! The numbers by which a document names things: its own, an account's, an order's.

use std::ops::Range;
use std::sync::LazyLock;

use domain::fact_sheet::{Fact, FactSheet, Reference, ReferenceKind, Rule};

use super::labels::{Hit, Labels};
use super::lines::{Line, cells};

/// Shortest and longest number that is taken for one. Shorter ones are counts, longer ones are hashes and links.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=40;

/// Longest label that stands for a number only in capitals, as `EIN` and `VIN` do, in bytes.
const LONGEST_ABBREVIATION: usize = 3;

/// How many of the columns of a heading are remembered for the line below it.
const MOST_COLUMNS: usize = 16;

/// What a label says about the number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label {
    kind: ReferenceKind,
    /// Whether the label says that it is a number. One that does not is followed by a word or mark that does.
    is_whole: bool,
}

const fn whole(kind: ReferenceKind) -> Label {
    Label {
        kind,
        is_whole: true,
    }
}

const fn thing(kind: ReferenceKind) -> Label {
    Label {
        kind,
        is_whole: false,
    }
}

/// English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech and Swedish.
static LABELS: LazyLock<Labels<Label>> = LazyLock::new(|| {
    Labels::new(&[
        (
            thing(ReferenceKind::Document),
            &[
                "invoice",
                "tax invoice",
                "bill",
                "receipt",
                "statement",
                "document",
                "credit note",
                "rechnung",
                "rechnungs",
                "beleg",
                "quittung",
                "gutschrift",
                "facture",
                "reçu",
                "avoir",
                "factura",
                "recibo",
                "fattura",
                "ricevuta",
                "fatura",
                "factuur",
                "faktura",
                "faktura vat",
                "paragon",
                "faktura korygująca",
                "doklad",
            ],
        ),
        (
            whole(ReferenceKind::Document),
            &[
                "rechnungsnummer",
                "numéro de facture",
                "numéro facture",
                "n° de facture",
                "n° facture",
                "número de factura",
                "nº de factura",
                "numero fattura",
                "numero di fattura",
                "numer rachunku",
                "nr rachunku",
                "rechnungsnr",
                "belegnummer",
                "belegnr",
                "factuurnummer",
                "fakturanummer",
                "numer faktury",
                "nr faktury",
                "číslo faktury",
            ],
        ),
        (
            thing(ReferenceKind::Account),
            &[
                "account", "acct", "konto", "compte", "cuenta", "conto", "conta", "rekening",
                "účet",
            ],
        ),
        (
            whole(ReferenceKind::Account),
            &[
                "iban",
                "kontonummer",
                "rekeningnummer",
                "numer konta",
                "nr konta",
                "číslo účtu",
            ],
        ),
        (
            thing(ReferenceKind::Customer),
            &[
                "customer",
                "client",
                "kunden",
                "member",
                "membership",
                "subscriber",
                "student",
                "patient",
                "cliente",
                "klient",
                "klant",
                "zákazník",
            ],
        ),
        (
            whole(ReferenceKind::Customer),
            &[
                "kundennummer",
                "numéro client",
                "numéro de client",
                "n° client",
                "n° de client",
                "número de cliente",
                "numero cliente",
                "kundennr",
                "klantnummer",
                "numer klienta",
                "nr klienta",
                "kundnummer",
            ],
        ),
        (
            thing(ReferenceKind::Order),
            &[
                "order",
                "purchase order",
                "po",
                "work order",
                "repair order",
                "bestellung",
                "bestell",
                "auftrags",
                "auftrag",
                "commande",
                "pedido",
                "ordine",
                "encomenda",
                "bestelling",
                "zamówienie",
                "objednávka",
            ],
        ),
        (
            whole(ReferenceKind::Order),
            &[
                "bestellnummer",
                "auftragsnummer",
                "ordernummer",
                "bestelnummer",
                "numer zamówienia",
                "nr zamówienia",
            ],
        ),
        (
            thing(ReferenceKind::Contract),
            &[
                "contract",
                "policy",
                "claim",
                "vertrag",
                "vertrags",
                "contrat",
                "contrato",
                "contratto",
                "umowa",
                "polisa",
                "smlouva",
            ],
        ),
        (
            whole(ReferenceKind::Contract),
            &[
                "vertragsnummer",
                "policennummer",
                "contractnummer",
                "polisnummer",
                "numer umowy",
                "nr umowy",
                "nr polisy",
            ],
        ),
        (
            thing(ReferenceKind::Device),
            &[
                "meter",
                "serial",
                "vehicle",
                "zähler",
                "compteur",
                "contador",
                "contatore",
                "licznik",
            ],
        ),
        (
            whole(ReferenceKind::Device),
            &[
                "vin",
                "license plate",
                "licence plate",
                "zählernummer",
                "numer licznika",
                "nr licznika",
                "seriennummer",
            ],
        ),
        (
            whole(ReferenceKind::Tax),
            &[
                "tax id",
                "vat id",
                "vat number",
                "vat no",
                "vat reg no",
                "ein",
                "ust-idnr",
                "ust-id",
                "steuernummer",
                "steuer-nr",
                "tva intracommunautaire",
                "n° tva",
                "nº tva",
                "numéro tva",
                "siret",
                "nif",
                "cif",
                "partita iva",
                "btw-nummer",
                "nip",
                "dič",
            ],
        ),
        (
            thing(ReferenceKind::Other),
            &[
                "reference",
                "ref",
                "confirmation",
                "transaction",
                "case",
                "ticket",
                "referenz",
                "référence",
                "referencia",
            ],
        ),
    ])
});

/// Words and marks that say that a number follows.
const NUMBER_WORDS: &[&str] = &[
    "number", "num", "no.", "no", "nr.", "nr", "nº", "n°", "№", "numéro", "numero", "número",
    "nummer", "numer", "id", "code", "#", "č.",
];

/// Gathers references line by line.
#[derive(Default)]
pub(super) struct References {
    found: Vec<Fact<Reference>>,
    /// The labels of a heading, with the column that each is in.
    heading: Vec<(usize, ReferenceKind, String)>,
}

impl References {
    /// Takes in the next line of the document, passing over what is masked: the dates. Returns where it has the numbers of
    /// documents that look like dates and are none: `Faktura nr 3/11/2024`.
    pub(super) fn line(&mut self, line: Line<'_>, masked: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut no_dates = Vec::new();
        let heading = std::mem::take(&mut self.heading);
        let hits = LABELS.hits(line.text);
        if hits.is_empty() {
            self.below(line, &heading, masked);
            return no_dates;
        }
        for (index, hit) in hits.iter().enumerate() {
            let end = hits
                .get(index + 1)
                .map_or(line.text.len(), |next| next.start);
            let Some(named) = number_begins(line.text, hit, end) else {
                continue;
            };
            let label = line.text[hit.start..named.label_end].trim_end();
            let of_document = hit.rank.kind == ReferenceKind::Document;
            let masks = if of_document { &[] } else { masked };
            let account = is_account(hit.rank.kind, label);
            match number(line.text, named.at, end, masks, account) {
                Some(at) => {
                    self.add(line, at.clone(), hit.rank.kind, label);
                    no_dates.extend(of_document.then_some(at));
                }
                None if named.is_at_end && self.heading.len() < MOST_COLUMNS => {
                    let column = cells(line.text)
                        .position(|cell| cell.contains(&hit.start))
                        .unwrap_or_default();
                    self.heading.push((column, hit.rank.kind, label.to_owned()));
                }
                None => {}
            }
        }
        no_dates
    }

    pub(super) fn into_vec(self) -> Vec<Fact<Reference>> {
        self.found
    }

    /// Takes in a line below a heading.
    fn below(
        &mut self,
        line: Line<'_>,
        heading: &[(usize, ReferenceKind, String)],
        masked: &[Range<usize>],
    ) {
        if heading.is_empty() {
            return;
        }
        let cells: Vec<Range<usize>> = cells(line.text).collect();
        for (column, kind, label) in heading {
            let Some(cell) = cells.get(*column) else {
                continue;
            };
            let account = is_account(*kind, label);
            if let Some(at) = number(line.text, cell.start, cell.end, masked, account) {
                self.add(line, at, *kind, label);
            }
        }
    }

    fn add(&mut self, line: Line<'_>, at: Range<usize>, kind: ReferenceKind, label: &str) {
        let number = line.text[at.clone()].to_owned();
        let reference = Reference { kind, number };
        let is_known = self.found.iter().any(|known| known.value == reference);
        if !is_known && self.found.len() < FactSheet::MOST {
            let place = line.place(at.start, at.end);
            self.found.push(Fact::new(
                reference,
                Rule::Labelled,
                Some(label.to_owned()),
                Some(place),
            ));
        }
    }
}

/// Where a number may begin behind a label.
struct Named {
    at: usize,
    /// Where what says that there is a number ends.
    label_end: usize,
    /// Whether nothing follows in the cell.
    is_at_end: bool,
}

/// Finds where the number begins that a label announces. None when nothing says that there is one.
fn number_begins(line: &str, hit: &Hit<Label>, end: usize) -> Option<Named> {
    let mut at = hit.end;
    let name = &line[hit.start..hit.end];
    // `ein` and `vin` are also words.
    let is_word = name.len() <= LONGEST_ABBREVIATION && name.contains(char::is_lowercase);
    let mut is_number = hit.rank.is_whole && !is_word;
    let mut label_end = hit.end;
    loop {
        let rest = &line[at..end];
        let trimmed = rest.trim_start_matches([' ', '\u{a0}', '.', '-']);
        let start = end - trimmed.len();
        let word = NUMBER_WORDS.iter().find(|word| begins_with(trimmed, word));
        let Some(word) = word else {
            break;
        };
        at = start + word.len();
        (is_number, label_end) = (true, at);
    }
    let rest = line[at..end].trim_start_matches([' ', '\u{a0}', '.']);
    let after = rest.trim_start_matches([':', '=', ' ', '\u{a0}', '\t']);
    is_number.then(|| Named {
        at: end - after.len(),
        label_end,
        is_at_end: rest.trim_start_matches(':').is_empty()
            || rest.starts_with('\t')
            || rest.starts_with("  "),
    })
}

/// Whether a text begins with a word or mark that says that a number follows.
pub(super) fn announces_number(text: &str) -> bool {
    NUMBER_WORDS.iter().any(|word| begins_with(text, word))
}

/// Whether a text begins with a word in any case, and the word ends there.
fn begins_with(text: &str, word: &str) -> bool {
    let Some(head) = text.get(..word.len()) else {
        return false;
    };
    let rest = &text[word.len()..];
    let is_mark = !word.ends_with(char::is_alphanumeric);
    head.to_lowercase() == *word && (is_mark || !rest.starts_with(char::is_alphanumeric))
}

/// Accounts are written in groups: `DE89 3704 0044 0532 0130 00`.
fn is_account(kind: ReferenceKind, label: &str) -> bool {
    kind == ReferenceKind::Account || label.eq_ignore_ascii_case("iban")
}

/// The number at the beginning of some bytes of a line, if what is there looks like one.
fn number(
    line: &str,
    start: usize,
    end: usize,
    masked: &[Range<usize>],
    in_groups: bool,
) -> Option<Range<usize>> {
    let text = &line[start..end];
    let length = if in_groups { groups(text) } else { token(text) };
    let found = &text[..length];
    let masks = masked.iter();
    let is_date = masks
        .clone()
        .any(|mask| mask.start <= start && start + length <= mask.end);
    let has_digit = found.contains(|c: char| c.is_ascii_digit());
    let is_amount = is_decimal(found)
        || text[length..]
            .trim_start()
            .starts_with(['€', '$', '£', '%']);
    let goes_on = text[length..].starts_with(char::is_alphanumeric);
    (LENGTHS.contains(&length) && has_digit && !is_date && !is_amount && !goes_on)
        .then_some(start..start + length)
}

/// Bytes of the groups of an account at the beginning of a text.
fn groups(text: &str) -> usize {
    let mut length = token(text);
    if length > LONGEST_GROUP {
        return length;
    }
    let mut may_be_bank = is_iban_start(&text[..length]);
    while let Some(group) = text[length..].strip_prefix(' ') {
        let next = token(group);
        if !is_group(&group[..next], may_be_bank) {
            break;
        }
        length += 1 + next;
        may_be_bank = false;
    }
    length
}

/// Most characters of a group of an account. One that begins with more is written without groups.
const LONGEST_GROUP: usize = 4;

/// Whether it looks like a group of an account: two to four digits and capitals. Without a digit it may be the four letters of
/// a bank, which only the second group of some IBANs is.
fn is_group(text: &str, is_bank: bool) -> bool {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let mut bytes = text.bytes();
    (2..=LONGEST_GROUP).contains(&text.len())
        && (has_digit || (is_bank && text.len() == LONGEST_GROUP))
        && bytes.all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Whether an IBAN begins like this: the country and two digits.
fn is_iban_start(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, d] if [a, b].iter().all(|byte| byte.is_ascii_uppercase())
        && [c, d].iter().all(|byte| byte.is_ascii_digit()))
}

/// Bytes of the run of letters, digits and the marks within numbers at the beginning of a text.
fn token(text: &str) -> usize {
    let run = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-/._*".contains(c)))
        .unwrap_or(text.len());
    text[..run].trim_end_matches(['-', '/', '.', '_']).len()
}

/// Whether it is an amount of money and not a number of anything: `45.00`.
fn is_decimal(text: &str) -> bool {
    let Some((whole, cents)) = text.rsplit_once('.') else {
        return false;
    };
    cents.len() == 2
        && whole.len() <= 9
        && [whole, cents]
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut references = References::default();
        for line in lines(text) {
            references.line(line, &[]);
        }
        let found = references.into_vec();
        found
            .iter()
            .map(|fact| {
                let place = fact.source.place.unwrap();
                let at = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
                assert_eq!(&text[at], fact.value.number);
                format!("{} {}", fact.value.kind.as_str(), fact.value.number)
            })
            .collect()
    }

    #[test]
    fn numbers_are_read_behind_their_labels() {
        assert_eq!(read("Invoice #10482"), ["document 10482"]);
        assert_eq!(
            read("INVOICE NO.: INV-2024/118."),
            ["document INV-2024/118"]
        );
        assert_eq!(read("Account Number: 0012-3456-7"), ["account 0012-3456-7"]);
        assert_eq!(
            read("Rechnungsnummer 2024-118\tKunden-Nr. 77"),
            ["document 2024-118"]
        );
        assert_eq!(read("Faktura VAT nr FV/12/2024"), ["document FV/12/2024"]);
        assert_eq!(read("Facture nº 2024-118"), ["document 2024-118"]);
        assert_eq!(
            read("IBAN: DE89 3704 0044 0532 0130 00 BIC X"),
            ["account DE89 3704 0044 0532 0130 00"]
        );
        assert_eq!(
            read("Repair Order # RO-5521  VIN: JTHBK1GG0A2000001"),
            ["order RO-5521", "device JTHBK1GG0A2000001"]
        );
        assert_eq!(read("NIP: 525-000-12-34"), ["tax 525-000-12-34"]);
    }

    #[test]
    fn the_usual_forms_of_europe_are_read() {
        let cases = [
            ("Rechnungs-Nr.: 2024-118", "document 2024-118"),
            ("Kunden-Nr.: 4711123", "customer 4711123"),
            ("USt-ID-Nr.: DE123456789", "tax DE123456789"),
            ("Numéro de facture : F2024-118", "document F2024-118"),
            ("N° client : 12345", "customer 12345"),
            ("Faktura VAT nr 12/2024", "document 12/2024"),
            (
                "ACCOUNT NUMBER: 1234567890 PAGE 1 OF 3",
                "account 1234567890",
            ),
            ("Account number: 12345678 2024", "account 12345678"),
            (
                "IBAN GB29 NWBK 6016 1331 9268 19",
                "account GB29 NWBK 6016 1331 9268 19",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), [expected], "{text}");
        }
    }

    #[test]
    fn numbers_below_a_heading_are_read_by_column() {
        assert_eq!(
            read("Invoice number\tInvoice date\tAccount no.\nA-77123\t2024-01-05\t99887766"),
            ["document A-77123", "account 99887766"]
        );
        assert_eq!(read("Account number:\n12345678"), ["account 12345678"]);
    }

    #[test]
    fn amounts_words_and_counts_are_no_references() {
        for text in [
            "Invoice total: 45.00",
            "Total invoice 45.00",
            "Order now",
            "Account: checking",
            "Bill to: 12 Main Street",
            "Invoice no. 45.00",
            "Customer number: pending",
            "Order no 7",
            "ein 24-Stunden-Service",
            "Bouteille de vin 750 ml",
        ] {
            assert_eq!(read(text), [""; 0], "{text}");
        }
    }
}
