//! The sample documents that ship with the program.

/// A sample document.
pub(super) struct Sample {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: &'static str,
    /// Its tags.
    pub(super) tags: &'static [&'static str],
    /// Its bytes.
    pub(super) bytes: &'static [u8],
}

/// A sample, by its name in `samples/`.
macro_rules! sample {
    ($name:literal, $kind:literal, $tags:expr) => {
        Sample {
            name: $name,
            kind: $kind,
            tags: &$tags,
            bytes: include_bytes!(concat!("../../../../samples/", $name)),
        }
    };
}

/// All of them, as `samples/samples.json` lists them.
pub(super) const SAMPLES: &[Sample] = &[
    sample!("lexus-2024-01-15-oil-change.pdf", "bill", ["lexus-tx-550"]),
    sample!(
        "lexus-2024-03-20-tire-rotation.docx",
        "bill",
        ["lexus-tx-550"]
    ),
    sample!(
        "lexus-2024-06-10-brake-service.html",
        "bill",
        ["lexus-tx-550"]
    ),
    sample!("lexus-2024-09-05-30k-service.csv", "bill", ["lexus-tx-550"]),
    sample!("electricity-2024-11.pdf", "bill", ["pge", "electricity"]),
    sample!("electricity-2024-10.xlsx", "bill", ["pge", "electricity"]),
    sample!("electricity-2024-09.html", "bill", ["pge", "electricity"]),
    sample!(
        "school-enrollment-confirmation.docx",
        "school",
        ["stanford", "cs-department"]
    ),
    sample!(
        "school-tuition-receipt.pdf",
        "school",
        ["stanford", "cs-department"]
    ),
    sample!(
        "school-grade-report.md",
        "school",
        ["stanford", "cs-department"]
    ),
    sample!(
        "school-event-invitation.txt",
        "school",
        ["stanford", "cs-department"]
    ),
];
