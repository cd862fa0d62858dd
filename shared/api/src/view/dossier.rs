//! Dossiers on the wire.

use domain::dossier::{Dossier, DossierStatus, Member};
use domain::file::File;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::facts::{MoneyView, QuantityView};

/// A dossier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Dossier)]
pub struct DossierView {
    /// Its id.
    id: Uuid,
    /// `type:tag:tag`, with `\` before every `:` inside a part.
    #[schema(example = "bill:lexus-tx-550")]
    signature: String,
    /// The type of its documents.
    #[serde(rename = "type")]
    #[schema(example = "bill")]
    document_type: String,
    /// The tags that all its documents have.
    tags: Vec<String>,
    /// pending, generated, outdated or regenerating.
    #[schema(value_type = String, example = "generated")]
    status: DossierStatus,
    /// How many documents it has.
    document_count: u64,
    /// Date of the first.
    #[schema(value_type = Option<String>, format = Date)]
    first_document_date: Option<Date>,
    /// Date of the last.
    #[schema(value_type = Option<String>, format = Date)]
    last_document_date: Option<Date>,
    /// Its summary, once it is written.
    summary: Option<DossierSummaryView>,
    /// Its first 50 documents in date order; left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<Vec<DocumentView>>,
}

/// The summary of a dossier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierSummary)]
pub struct DossierSummaryView {
    /// The prose. It quotes no figure that is not in `figures`.
    text: String,
    /// Computed by code in decimal arithmetic.
    #[schema(value_type = Object)]
    figures: serde_json::Value,
    /// The share of documents whose date and amount are known, from 0 to 1.
    confidence: String,
    /// Which model wrote the prose.
    model: String,
    /// By which version of the prompt.
    prompt_version: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
}

/// A document of a dossier.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierDocument)]
pub struct DocumentView {
    /// The file.
    file_id: Uuid,
    /// Its name.
    name: String,
    /// Its date.
    #[schema(value_type = String, format = Date)]
    document_date: Date,
    /// Its amount.
    amount: Option<MoneyView>,
    /// What it measures.
    quantities: Vec<QuantityView>,
    /// Its summary.
    summary: Option<String>,
}

impl DocumentView {
    /// Shows a member and the file it stands for.
    pub fn new(member: &Member, file: File) -> Self {
        let quantities = member.quantities.iter().cloned();
        Self {
            file_id: member.file.uuid(),
            name: file.name.into(),
            document_date: member.document_date,
            amount: member.amount.map(MoneyView::from),
            quantities: quantities.map(QuantityView::from).collect(),
            summary: file.summary.map(|summary| summary.text),
        }
    }
}

/// The dates of a dossier's first and last documents.
pub type Period = Option<(Date, Date)>;

impl DossierView {
    /// Shows a dossier as it stands at `now`.
    pub fn new(
        dossier: Dossier,
        period: Period,
        documents: Option<Vec<DocumentView>>,
        now: Timestamp,
    ) -> Self {
        let status = dossier.status(now);
        Self {
            id: dossier.id.uuid(),
            signature: dossier.signature.to_string(),
            document_type: dossier.signature.document_type().to_string(),
            tags: dossier
                .signature
                .tags()
                .iter()
                .map(ToString::to_string)
                .collect(),
            status,
            document_count: dossier.document_count,
            first_document_date: period.map(|(first, _)| first),
            last_document_date: period.map(|(_, last)| last),
            summary: dossier.summary.map(|summary| DossierSummaryView {
                text: summary.text,
                figures: serde_json::to_value(&summary.figures).unwrap_or_default(),
                confidence: summary.confidence,
                model: summary.model,
                prompt_version: summary.prompt_version,
                made_at: summary.made_at,
            }),
            documents,
        }
    }
}
