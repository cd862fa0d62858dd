//! The documents of a dossier as CSV.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::dossier::Member;
use domain::file::File;

/// A row for each document, a column for each unit.
pub(super) fn table(documents: &[(Member, File)]) -> String {
    let units: BTreeSet<&str> = documents
        .iter()
        .flat_map(|(member, _)| &member.quantities)
        .map(|quantity| quantity.unit.as_str())
        .collect();
    let mut out = String::from("document_date,name,file_id,amount,currency");
    for unit in &units {
        out.push(',');
        out.push_str(&cell(unit));
    }
    out.push_str("\r\n");
    for (member, file) in documents {
        let amount = member.amount.as_ref();
        let cells = [
            member.document_date.to_string(),
            cell(file.name.as_str()),
            member.file.to_string(),
            amount
                .map(|money| money.amount.to_string())
                .unwrap_or_default(),
            amount
                .map(|money| money.currency.to_string())
                .unwrap_or_default(),
        ];
        out.push_str(&cells.join(","));
        for unit in &units {
            let mut quantities = member.quantities.iter();
            let quantity = quantities.find(|quantity| quantity.unit == *unit);
            out.push(',');
            if let Some(quantity) = quantity {
                let _ = write!(out, "{}", quantity.amount);
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// A text as a cell that no spreadsheet takes for a formula. Source: RFC 4180; OWASP, CSV injection.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    format!("{guard}{text}")
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell("May.pdf"), "May.pdf");
        assert_eq!(cell("a,\"b\".pdf"), "\"a,\"\"b\"\".pdf\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("@x,y"), "\"'@x,y\"");
    }
}
