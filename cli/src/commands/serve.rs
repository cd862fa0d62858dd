//! `sheaf serve`: the local runner.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use local::server::{Server, ServerSettings};

use super::Context;
use crate::data::DataArguments;
use crate::ending::Endings;
use crate::error::{Error, Result};

/// Runs Sheaf on this machine
///
/// Everything is in one process and one data folder, and survives a crash. It listens on this
/// machine only. Ends on Ctrl-C or SIGTERM, with all that is under way brought to its end.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the API listens, on 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where signed URLs point, on 127.0.0.1; the port after the API's unless given
    #[arg(long)]
    s3_port: Option<u16>,
    /// What writes summaries: extractive, bedrock, or bedrock:MODEL
    #[arg(long, env = "MODEL", default_value = "extractive")]
    model: String,
    /// Bytes a new workspace may store
    #[arg(long, env = "QUOTA_BYTES")]
    quota_bytes: Option<u64>,
    /// How many days things stay in the trash, or forever; 30 unless given
    #[arg(long, env = "TRASH_DAYS", value_name = "DAYS")]
    trash_days: Option<String>,
    /// Languages in which Tesseract reads pictures and scanned pages, where it is installed, separated by commas, such as
    /// eng,deu; English and up to three others unless given
    #[arg(
        long,
        env = "OCR_LANGUAGES",
        value_name = "LANGUAGES",
        value_delimiter = ','
    )]
    ocr_languages: Vec<String>,
    /// Leave pictures and scanned pages as they are
    #[arg(long, conflicts_with = "ocr_languages")]
    no_ocr: bool,
    /// Where programs are, Tesseract among them
    #[arg(long, env = "PATH", hide = true)]
    path: Option<std::ffi::OsString>,
    /// Origins browsers may call from, separated by commas, such as <http://localhost:3000>
    #[arg(long, env = "ALLOWED_ORIGINS", value_name = "ORIGINS")]
    allow_origins: Option<String>,
    #[command(flatten)]
    data: DataArguments,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    runtime::telemetry::init("serve");
    let mut endings = Endings::listen()?;
    let settings = settings(arguments).await?;
    let server = Server::start(settings).await.map_err(not_started)?;
    let data = server.stack.data().display();
    let url = server.url();
    context
        .output
        .note(&format!("Sheaf is at {url} over {data}"));
    context.output.note(&format!(
        "A token: sheaf token --workspace NAME --role editor --data {data}"
    ));
    endings.asked().await;
    context.output.note("ending what is under way");
    server.stop().await;
    Ok(())
}

async fn settings(arguments: &Arguments) -> Result<ServerSettings> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), arguments.port);
    let reader = std::env::current_exe().map_err(|error| not_started(&error))?;
    let mut settings = ServerSettings::over(arguments.data.folder()?, address, reader);
    // Stable, so that URLs signed before a restart hold after it.
    settings.stack.s3_port = match (arguments.s3_port, arguments.port) {
        (Some(port), _) => port,
        (None, 0) => 0,
        (None, port) => port.saturating_add(1),
    };
    if let Some(bytes) = arguments.quota_bytes {
        settings.stack.quota.bytes = bytes;
    }
    if let Some(days) = &arguments.trash_days {
        settings.stack.trash_time = days.parse().map_err(Error::Usage)?;
    }
    if let Some(origins) = &arguments.allow_origins {
        settings.functions.origins = origins.parse().map_err(Error::Usage)?;
    }
    if let Some(path) = arguments.path.as_ref().filter(|_| !arguments.no_ocr) {
        let extractor = settings.functions.extractor;
        settings.functions.extractor =
            extractor.with_tesseract_in(path, arguments.ocr_languages.clone());
    }
    settings.functions.model = local::model::connect(&arguments.model)
        .await
        .map_err(Error::Usage)?;
    Ok(settings)
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn not_started(error: impl ToString) -> Error {
    Error::failed("Sheaf did not start", error.to_string())
}
