//! `sheaf demo`: the whole job once, in one process, over a folder that goes when it ends.

mod samples;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use futures::StreamExt as _;
use local::server::{Server, ServerSettings};
use local::token::Holder;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::samples::SAMPLES;
use super::Context;
use crate::arguments::Connection;
use crate::call::Call;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::output::{self, Output, human};
use crate::progress::Progress;
use crate::transfer::source::Source;
use crate::transfer::store;
use crate::transfer::upload::{AT_ONCE, Stored, Uploader, Wishes};
use crate::views::{self, Dossier, File};
use crate::wait;

/// Shows what Sheaf does, on your files or on samples
///
/// Stores them, waits until they are read and summed up, gathers them into dossiers, makes a report,
/// fetches it by its signed URL and lets it expire. Everything happens on this machine, in a
/// temporary folder that is removed at the end, also when Ctrl-C or SIGTERM ends it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Your documents; without any, the samples that ship with Sheaf
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What a person's own files are taken for, so that they make one dossier.
const KIND: &str = "document";
const TAG: &str = "demo";

/// How long the pipeline may take for everything.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long the report lives.
const REPORT_LIFETIME_S: u64 = 3;

/// A document to be stored.
struct Document {
    source: Source,
    wishes: Wishes,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let mut endings = Endings::listen()?;
    let folder =
        TempDir::with_prefix("sheaf-demo-").map_err(Error::disk("make", std::env::temp_dir()))?;
    let documents = documents(&arguments.files, folder.path())?;
    let data = folder.path().join("data");
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let reader = std::env::current_exe().map_err(not_started)?;
    let mut settings = ServerSettings::over(data.clone(), address, reader);
    settings.sweeps = false;
    let server = Server::start(settings).await.map_err(not_started)?;
    let shown = tokio::select! {
        shown = show(&server, &data, documents, context.output) => shown,
        ending = endings.asked() => Err(Error::Ended(ending)),
    };
    server.stop().await;
    // Whoever is told of the end finds nothing left.
    folder.close().map_err(Error::disk("remove", data))?;
    shown
}

async fn show(
    server: &Server,
    data: &Path,
    documents: Vec<Document>,
    output: &Output,
) -> Result<()> {
    let client = client(server, data)?;
    let story = Story { output };
    story.say(&format!(
        "Sheaf runs at {}, in this process, over a temporary folder.",
        server.url()
    ))?;
    let signatures = signatures(&documents);
    let files = upload(&client, documents, &story).await?;
    let files = wait_for_summaries(&client, files, &story).await?;
    let mut last = None;
    for (kind, tag) in signatures {
        last = Some(gather(&client, &kind, &tag, &story).await?);
    }
    let Some(dossier) = last else { return Ok(()) };
    story.say(&format!(
        "{} files are stored, read and gathered.",
        files.len()
    ))?;
    report_and_expire(server, &client, &dossier, &story).await
}

/// What is told on the way.
struct Story<'a> {
    output: &'a Output,
}

impl Story<'_> {
    fn say(&self, text: &str) -> Result<()> {
        self.output.text(&format!("{text}\n"))
    }

    fn chapter(&self, title: &str) -> Result<()> {
        self.output.text(&format!(
            "\n{}\n",
            self.output.paint.bold(&format!("== {title}"))
        ))
    }
}

/// The samples go to disk first, so that they are stored like any other file.
fn documents(files: &[PathBuf], folder: &Path) -> Result<Vec<Document>> {
    if !files.is_empty() {
        return files
            .iter()
            .map(|path| {
                Ok(Document {
                    source: Source::file(path, None)?,
                    wishes: wishes(KIND, &[TAG]),
                })
            })
            .collect();
    }
    SAMPLES
        .iter()
        .map(|sample| {
            let path = folder.join(sample.name);
            std::fs::write(&path, sample.bytes).map_err(Error::disk("write", &path))?;
            Ok(Document {
                source: Source::file(&path, None)?,
                wishes: wishes(sample.kind, sample.tags),
            })
        })
        .collect()
}

fn wishes(kind: &str, tags: &[&str]) -> Wishes {
    Wishes {
        folder: Some("/demo".to_owned()),
        kind: Some(kind.to_owned()),
        tags: tags.iter().map(ToString::to_string).collect(),
        expires_in_s: None,
        on_conflict: Some("rename"),
    }
}

/// The type and primary tag of each dossier there will be.
fn signatures(documents: &[Document]) -> BTreeSet<(String, String)> {
    documents
        .iter()
        .filter_map(|document| {
            let kind = document.wishes.kind.clone()?;
            Some((kind, document.wishes.tags.first()?.clone()))
        })
        .collect()
}

fn client(server: &Server, data: &Path) -> Result<Client> {
    let holder = Holder {
        workspace: "demo",
        role: "editor",
        subject: "demo",
    };
    let token = local::token::issue(data, holder, jiff::SignedDuration::from_hours(1))
        .map_err(not_started)?;
    Client::new(&Connection {
        url: server.url().parse().map_err(not_started)?,
        token: Some(token.parse().map_err(not_started)?),
        workspace: None,
    })
}

async fn upload(client: &Client, documents: Vec<Document>, story: &Story<'_>) -> Result<Vec<File>> {
    story.chapter(&format!("Storing {} documents", documents.len()))?;
    let begun = Instant::now();
    let total = documents
        .iter()
        .map(|document| document.source.size_bytes)
        .sum();
    let progress = Progress::bytes("storing", total);
    let uploader = Uploader::new(client);
    let results: Vec<Result<Stored>> = futures::stream::iter(&documents)
        .map(|document| uploader.store(&document.source, &document.wishes, &progress))
        .buffered(AT_ONCE)
        .collect()
        .await;
    progress.finish();
    let mut files = Vec::with_capacity(results.len());
    for result in results {
        files.push(views::read("storing a file", &result?.value)?);
    }
    story.say(&output::file::list(&files, story.output))?;
    story.say(&format!("{} in {}", human::size(total), seconds(begun)))?;
    Ok(files)
}

async fn wait_for_summaries(
    client: &Client,
    files: Vec<File>,
    story: &Story<'_>,
) -> Result<Vec<File>> {
    story.chapter("Reading and summing up")?;
    let begun = Instant::now();
    let progress = Progress::waiting("reading");
    let mut done = Vec::with_capacity(files.len());
    for file in files {
        progress.say(format!("reading {}", file.name));
        let look = async || {
            let seen = client.json(Call::get(&["files", &file.id])).await?;
            views::read::<File>("GET /v1/files/{id}", &seen)
        };
        let settled = |seen: &File| matches!(seen.status.as_str(), "completed" | "failed");
        done.push(wait::until(&file.name, PATIENCE, look, settled).await?);
    }
    progress.finish();
    for file in &done {
        story.say(&told(file))?;
    }
    story.say(&format!("{} documents in {}", done.len(), seconds(begun)))?;
    Ok(done)
}

/// How much of a summary is told.
const TOLD_CHARS: usize = 100;

/// One document and the beginning of what is known of it.
fn told(file: &File) -> String {
    let text = match (&file.summary, &file.failure, &file.summary_reason) {
        (Some(summary), _, _) => beginning(&summary.text),
        (None, Some(failure), _) => {
            format!("failed: {}", failure.detail.as_deref().unwrap_or_default())
        }
        (None, None, Some(reason)) => format!("no summary: {reason}"),
        (None, None, None) => file.status.clone(),
    };
    let date = file
        .document_date
        .map_or_else(|| "          ".to_owned(), |date| date.to_string());
    format!("  {date}  {}: {text}", file.name)
}

/// The beginning of a text, on one line.
fn beginning(text: &str) -> String {
    let line = text.lines().collect::<Vec<_>>().join(" · ");
    match line.char_indices().nth(TOLD_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

async fn gather(client: &Client, kind: &str, tag: &str, story: &Story<'_>) -> Result<Value> {
    story.chapter(&format!("The dossier of {kind} and {tag}"))?;
    let asked = Call::post(&["dossiers"]).json(json!({"type": kind, "tags": [tag]}));
    let asked = client.json(asked).await?;
    let id = asked["id"].as_str().unwrap_or_default().to_owned();
    let progress = Progress::waiting("summing up the dossier");
    let look = async || client.json(Call::get(&["dossiers", &id])).await;
    let settled = |seen: &Value| seen["status"] == "generated";
    let dossier = wait::until("the dossier", PATIENCE, look, settled).await?;
    progress.finish();
    let view: Dossier = views::read("GET /v1/dossiers/{id}", &dossier)?;
    story.say(&output::dossier::show(&view, story.output))?;
    Ok(dossier)
}

async fn report_and_expire(
    server: &Server,
    client: &Client,
    dossier: &Value,
    story: &Story<'_>,
) -> Result<()> {
    story.chapter(&format!(
        "A report that lives for {REPORT_LIFETIME_S} seconds"
    ))?;
    let made = client
        .json(Call::post(&["generations"]).json(report(dossier)))
        .await?;
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    let (id, url) = (text("file_id"), text("download_url"));
    story.say(&format!("made {} ({id})", text("file_name")))?;
    story.say(&format!("signed URL: {}", shortened(&url)))?;
    let fetched = store::send(
        client.signed(reqwest::Method::GET, &url)?,
        "fetching the report",
        None,
    )
    .await?
    .text()
    .await
    .map_err(|error| Error::failed("the report was cut off", error.to_string()))?;
    for line in fetched.lines().take(12) {
        story.say(&format!("  | {line}"))?;
    }
    story.chapter("Its time is up")?;
    let progress = Progress::waiting("waiting for the report to expire");
    let look = async || status_of(client, &id).await;
    let status = wait::until("the report's expiry", PATIENCE, look, |status| {
        *status == 410
    })
    .await?;
    progress.finish();
    story.say(&format!("GET /v1/files/{id} answers {status} Gone"))?;
    let report = local::sweep(server).await;
    story.say(&format!(
        "the sweep removed its bytes: {} file expired, receipt kept",
        report.expired
    ))
}

/// The parameters of a report on a dossier.
fn report(dossier: &Value) -> Value {
    let summary = dossier["summary"]["text"].as_str().unwrap_or_default();
    let rows: Vec<Value> = dossier["documents"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|document| {
            let amount = &document["amount"];
            let amount = match (amount["amount"].as_str(), amount["currency"].as_str()) {
                (Some(amount), Some(currency)) => format!("{amount} {currency}"),
                _ => String::new(),
            };
            json!([document["document_date"], document["name"], amount])
        })
        .collect();
    json!({
        "template": "report",
        "format": "md",
        "expires_in_s": REPORT_LIFETIME_S,
        "folder": "/demo",
        "parameters": {
            "title": format!("Dossier {}", dossier["signature"].as_str().unwrap_or_default()),
            "summary": summary,
            "sections": [{
                "heading": "Documents",
                "table": {"columns": ["Date", "Document", "Amount"], "rows": rows},
            }],
        },
    })
}

/// The status that a file answers with.
async fn status_of(client: &Client, id: &str) -> Result<u16> {
    match client.json(Call::get(&["files", id])).await {
        Ok(_) => Ok(200),
        Err(Error::Problem(problem)) => Ok(problem.status),
        Err(error) => Err(error),
    }
}

fn shortened(url: &str) -> String {
    match url.split_once('?') {
        Some((path, _)) => format!("{path}?…"),
        None => url.to_owned(),
    }
}

fn seconds(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn not_started(error: impl ToString) -> Error {
    Error::failed("the demo could not start", error.to_string())
}
