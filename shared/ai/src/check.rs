//! Holds what is written about a dossier against its figures.

use domain::quotation::{self, Mismatch};

use crate::{DossierDocument, DossierInput};

impl DossierInput {
    /// Checks that a text quotes only figures of this dossier.
    ///
    /// Numbers in the names of its documents, its type and its tags may be repeated. So may words
    /// of the documents' summaries that have letters and digits, such as `30k`: they are names of
    /// things. Plain numbers of a summary may not, because nothing has computed them.
    ///
    /// # Errors
    /// [`Mismatch`] names the first number that is not covered.
    pub fn check(&self, text: &str) -> Result<(), Mismatch> {
        let summaries = self.documents.iter().filter_map(|d| d.summary.as_deref());
        let things = summaries
            .flat_map(str::split_whitespace)
            .map(|word| word.trim_matches(|c: char| c.is_ascii_punctuation()))
            .filter(|word| is_thing(word));
        let names: Vec<&str> = std::iter::once(self.document_type.as_str())
            .chain(self.tags.iter().map(String::as_str))
            .chain(self.documents.iter().map(|document| document.name.as_str()))
            .chain(things)
            .collect();
        let entries: Vec<_> = self.documents.iter().map(|d| d.entry.clone()).collect();
        quotation::check(text, &self.figures, &entries, &names)
    }

    /// Counts the documents of which more than the name is known, and all of them.
    pub(crate) fn known(&self) -> (usize, usize) {
        let known = |d: &&DossierDocument| d.summary.is_some() || d.entry.amount.is_some();
        let count = self.documents.iter().filter(known).count();
        (count, self.documents.len())
    }
}

/// Says whether a word names a thing: it has letters and digits, and nothing but.
fn is_thing(word: &str) -> bool {
    word.chars().all(|c| c.is_alphanumeric() || c == '-')
        && word.chars().any(char::is_numeric)
        && word.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use domain::figures::{Entry, Figures};

    use super::*;

    #[test]
    fn things_in_summaries_may_be_named_and_their_numbers_not_claimed() {
        let entry = Entry {
            file: "0198f3b0-0000-7000-8000-000000000001".parse().unwrap(),
            document_date: "2024-09-05".parse().unwrap(),
            amount: None,
            quantities: Vec::new(),
        };
        let input = DossierInput {
            document_type: "bill".to_owned(),
            tags: vec!["lexus-tx-550".to_owned()],
            figures: Figures::compute(std::slice::from_ref(&entry)).unwrap(),
            documents: vec![DossierDocument {
                name: "service.pdf".to_owned(),
                summary: Some("The 30k-mile service. Mileage 30412, total $350.00/job.".to_owned()),
                entry,
            }],
        };
        let mismatch = |text| input.check(text).err().map(|mismatch| mismatch.number);
        assert_eq!(mismatch("The TX 550 had its 30k service."), None);
        assert_eq!(mismatch("It was the 30k-mile service."), None);
        assert_eq!(
            mismatch("It has run 30412 miles.").as_deref(),
            Some("30412")
        );
        assert_eq!(mismatch("It cost $350.00.").as_deref(), Some("$350.00"));
    }
}
