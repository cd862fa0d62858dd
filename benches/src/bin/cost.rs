//! What each operation asks of DynamoDB and S3, which is what a user pays for: as a table, and with `--write` into
//! docs/OPERATIONS.md.
//!
//! `cargo run --release -p benches --bin cost -- --write`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::fmt::Write as _;
use std::path::Path;

use benches::{Metered, Spent, new_body};
use bytes::Bytes;
use clap::Parser;
use domain::WorkspaceId;
use http::Method;
use jiff::SignedDuration;
use runtime::clock::Clock;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde_json::{Value, json};
use testkit::Client;

const MEBIBYTE: usize = 1 << 20;

/// The requests of S3 that are paid for as PUT, COPY, POST and LIST are; those that remove are free, others are paid for
/// as GET is. Source: Amazon S3 pricing.
const PUTS: [&str; 10] = [
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "ListMultipartUploads",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "UploadPart",
    "UploadPartCopy",
    "PostObject",
];
const FREE: [&str; 3] = ["AbortMultipartUpload", "DeleteObject", "DeleteObjects"];

/// Prices of a million in us-east-1, in hundredths of a cent: on-demand read and write request units of DynamoDB, PUT and
/// GET requests of S3 Standard. Source: AWS price lists, 2025.
const READ_UNITS: i64 = 1_250;
const WRITE_UNITS: i64 = 6_250;
const S3_PUTS: i64 = 50_000;
const S3_GETS: i64 = 4_000;

const BEGIN: &str = "<!-- cost -->\n";
const END: &str = "<!-- /cost -->";

/// Counts what operations ask for.
#[derive(Parser)]
struct Arguments {
    /// Writes the table into docs/OPERATIONS.md.
    #[arg(long)]
    write: bool,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a folder");
    let workspace: WorkspaceId = "acme".parse().expect("a workspace");
    let clock = Clock::manual();
    let runner = Metered::start(folder.path().join("data"), clock.clone()).await;
    let client = runner.client(&workspace);
    let mut bill = Bill {
        runner,
        client,
        rows: Vec::new(),
    };
    bill.warm_up().await;
    bill.uploads().await;
    bill.reads().await;
    bill.changes().await;
    bill.removals().await;
    bill.folders().await;
    // What was just done is at rest by then, and nothing is due yet.
    clock.advance(SignedDuration::from_hours(2));
    bill.sweep().await;
    let table = table(&bill.rows);
    bill.runner.server.stop().await;
    print!("{table}");
    if arguments.write {
        write(&table);
    }
}

/// An operation: what it asks for while its requests last, and what follows in the queues.
struct Row {
    what: &'static str,
    request: Spent,
    after: Spent,
}

struct Bill {
    runner: Metered,
    client: Client,
    rows: Vec<Row>,
}

impl Bill {
    /// Counts one operation. `by_client` are the requests of S3 that its client makes with signed URLs.
    async fn count<T>(
        &mut self,
        what: &'static str,
        by_client: &[(&str, u64)],
        act: impl Future<Output = T>,
    ) -> T {
        self.runner.meter.start();
        let done = act.await;
        let mut request = self.runner.meter.take();
        for (operation, count) in by_client {
            request.add_s3(operation, *count);
        }
        self.runner.work().await;
        let after = self.runner.meter.stop();
        self.rows.push(Row {
            what,
            request,
            after,
        });
        done
    }

    /// Makes what is made once for each workspace or process: its quota, the key of receipts, the folders.
    async fn warm_up(&mut self) {
        let client = self.client.clone();
        for name in ["a", "b"] {
            let file = client.put(&format!("name={name}.bin"), new_body()).await;
            self.runner.work().await;
            remove(&client, &id(&file)).await;
        }
        for path in ["/list", "/elsewhere", "/tree/in/it"] {
            post(&client, "/v1/folders", json!({"path": path})).await;
        }
        for number in 0..60 {
            client
                .put(
                    &format!("name={number}.txt&folder=/list"),
                    format!("{number}"),
                )
                .await;
        }
        self.runner.work().await;
        // Removes what is due of all that.
        cleanup::sweep::run(&self.runner.server.functions.cleanup).await;
    }

    async fn uploads(&mut self) {
        let client = self.client.clone();
        let direct = client.put("name=direct.bin", new_body());
        self.count("direct upload of 64 KiB", &[], direct).await;
        let document = include_bytes!("../../../samples/electricity-2024-11.pdf").as_slice();
        let direct = client.put("name=bill.pdf&type=bill&tag=electricity", document);
        self.count("direct upload of a document, type and one tag", &[], direct)
            .await;
        let act = presigned(&client, "single.bin", MEBIBYTE);
        self.count("presigned upload, one PUT", &[("PutObject", 1)], act)
            .await;
        let parts = presigned_parts(&client).await;
        let act = presigned(&client, "multipart.bin", 100 * MEBIBYTE);
        self.count("presigned upload of 100 MiB", &[("UploadPart", parts)], act)
            .await;
        let act = tus(&client);
        self.count("tus, 8 MiB in 2 pieces", &[], act).await;
        let version = client.put("name=direct.bin&on_conflict=version", new_body());
        self.count("new version of a file, 64 KiB", &[], version)
            .await;
    }

    async fn reads(&mut self) {
        let client = self.client.clone();
        let file = client.put("name=read.bin", new_body()).await;
        self.runner.work().await;
        let path = format!("/v1/files/{}", id(&file));
        let act = async { client.get(&path).await.expect(200) };
        self.count("metadata of a file", &[], act).await;
        let act = async { client.get("/v1/files?folder=/list").await.expect(200) };
        let page = self
            .count("page of 50 of a folder, by name", &[], act)
            .await
            .json();
        assert_eq!(page["items"].as_array().map(Vec::len), Some(50));
        let content = format!("{path}/content");
        let act = async { client.get(&content).await.expect(302) };
        self.count("download", &[("GetObject", 1)], act).await;
    }

    async fn changes(&mut self) {
        let client = self.client.clone();
        let document = include_bytes!("../../../samples/electricity-2024-10.xlsx").as_slice();
        let file = client
            .put("name=change.xlsx&type=bill&tag=electricity", document)
            .await;
        self.runner.work().await;
        let path = format!("/v1/files/{}", id(&file));
        let act = patch(&client, &path, json!({"tags": ["electricity", "paid"]}));
        self.count("change of a document's tags, one more", &[], act)
            .await;
        let act = patch(&client, &path, json!({"name": "changed.xlsx"}));
        self.count("new name of a file", &[], act).await;
        let act = patch(&client, &path, json!({"folder": "/elsewhere"}));
        self.count("move of a file", &[], act).await;
        let copy = format!("{path}/copy");
        let act = post(&client, &copy, json!({"name": "copy.xlsx"}));
        self.count("copy of a document", &[], act).await;
    }

    async fn removals(&mut self) {
        let client = self.client.clone();
        let file = client.put("name=remove.bin", new_body()).await;
        self.runner.work().await;
        let id = id(&file);
        let path = format!("/v1/files/{id}");
        let act = async { client.delete(&path).await.expect(200) };
        self.count("file into the trash", &[], act).await;
        let restore = format!("{path}/restore");
        let act = async { client.post(&restore, &json!({})).await.expect(200) };
        self.count("file out of the trash", &[], act).await;
        self.count("permanent deletion of a file", &[], remove(&client, &id))
            .await;
    }

    async fn folders(&mut self) {
        let client = self.client.clone();
        let act = post(&client, "/v1/folders", json!({"path": "/made"}));
        self.count("new folder in the root", &[], act).await;
        let tree = client.post("/v1/folders", &json!({"path": "/tree"})).await;
        let path = format!("/v1/folders/{}", id(&tree.json()));
        let act = patch(&client, &path, json!({"folder": "/elsewhere"}));
        self.count("move of a folder, whatever it holds", &[], act)
            .await;
    }

    async fn sweep(&mut self) {
        let state = self.runner.server.functions.cleanup.clone();
        // The first walks what there is, and counts usage.
        cleanup::sweep::run(&state).await;
        let act = async { cleanup::sweep::run(&state).await };
        self.count("sweep with nothing due", &[], act).await;
    }
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().expect("an id").to_owned()
}

async fn remove(client: &Client, id: &str) {
    let path = format!("/v1/files/{id}?permanent=true");
    client.delete(&path).await.expect(200);
}

async fn post(client: &Client, path: &str, body: Value) -> Value {
    client.post(path, &body).await.expect(201).json()
}

async fn patch(client: &Client, path: &str, change: Value) {
    client.patch(path, &change).await.expect(200);
}

/// Uploads a file by signed URLs.
async fn presigned(client: &Client, name: &str, bytes: usize) {
    let upload = begin(client, name, bytes).await;
    let size = usize::try_from(upload["part_size_bytes"].as_u64().expect("a size"));
    let size = size.expect("a size of memory");
    let mut parts = Vec::new();
    for (part, begins) in upload["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .zip((0..bytes).step_by(size))
    {
        let body = Bytes::from(vec![b'p'; size.min(bytes - begins)]);
        let answer = client.put_signed(part, body).await.expect(200);
        parts.push(json!({"number": part["number"], "etag": answer.header("etag")}));
    }
    let path = complete_path(&upload);
    post(client, &path, json!({"parts": parts})).await;
}

/// How many parts an upload of 100 MiB has.
async fn presigned_parts(client: &Client) -> u64 {
    let upload = begin(client, "counted.bin", 100 * MEBIBYTE).await;
    let path = format!(
        "/v1/uploads/{}",
        upload["upload_id"].as_str().expect("an id")
    );
    client.delete(&path).await.expect(204);
    upload["part_count"].as_u64().expect("a count")
}

async fn begin(client: &Client, name: &str, bytes: usize) -> Value {
    let begun = json!({"name": name, "size_bytes": bytes});
    post(client, "/v1/uploads", begun).await
}

fn complete_path(upload: &Value) -> String {
    let id = upload["upload_id"].as_str().expect("an id");
    format!("/v1/uploads/{id}/complete")
}

/// Uploads 8 MiB by tus, 4 MiB in each request, as a client does of what is deployed.
async fn tus(client: &Client) {
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "8388608"),
        ("upload-metadata", "filename dHVzLmJpbg=="),
    ];
    let begun = client.send(Method::POST, "/v1/tus", &headers, "").await;
    let begun = begun.expect(201);
    for offset in ["0", "4194304"] {
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-offset", offset),
            ("content-type", "application/offset+octet-stream"),
        ];
        let body = vec![b't'; 4 * MEBIBYTE];
        let sent = client.send(Method::PATCH, begun.header("location"), &headers, body);
        sent.await.expect(204);
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| operation | calls of DynamoDB | read units | write units | S3: PUT | GET | removed | $ per million |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for Row {
        what,
        request,
        after,
    } in rows
    {
        let of = |count: fn(&Spent) -> Decimal| both(count(request), count(after));
        let mut all = request.clone();
        all += after.clone();
        writeln!(
            table,
            "| {what} | {} | {} | {} | {} | {} | {} | {} |",
            of(|spent| spent.dynamodb_calls().into()),
            of(|spent| units(spent.read_units)),
            of(|spent| units(spent.write_units)),
            of(|spent| puts(spent).into()),
            of(|spent| gets(spent).into()),
            of(|spent| spent
                .s3_requests(|operation| FREE.contains(&operation))
                .into()),
            price(&all)
        )
        .expect("text");
    }
    table
}

/// A number of the request, and what more there is in the queues.
fn both(request: Decimal, after: Decimal) -> String {
    if after.is_zero() {
        request.normalize().to_string()
    } else {
        format!("{} + {}", request.normalize(), after.normalize())
    }
}

fn units(units: f64) -> Decimal {
    Decimal::from_f64(units).expect("a number")
}

fn puts(spent: &Spent) -> u64 {
    spent.s3_requests(|operation| PUTS.contains(&operation))
}

fn gets(spent: &Spent) -> u64 {
    spent.s3_requests(|operation| !PUTS.contains(&operation) && !FREE.contains(&operation))
}

/// What a million of them cost, in dollars.
fn price(spent: &Spent) -> Decimal {
    let price = |count: Decimal, of_million: i64| count * Decimal::new(of_million, 4);
    let sum = price(units(spent.read_units), READ_UNITS)
        + price(units(spent.write_units), WRITE_UNITS)
        + price(puts(spent).into(), S3_PUTS)
        + price(gets(spent).into(), S3_GETS);
    sum.round_dp(2)
}

fn write(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATIONS.md");
    let text = std::fs::read_to_string(&path).expect("docs/OPERATIONS.md");
    let (before, rest) = text.split_once(BEGIN).expect("the mark before the table");
    let (_, after) = rest.split_once(END).expect("the mark behind it");
    let text = format!("{before}{BEGIN}{table}{END}{after}");
    std::fs::write(path, text).expect("docs/OPERATIONS.md");
}
