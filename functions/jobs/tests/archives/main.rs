//! What exports and imports promise, asked of the whole local runner.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod exports;
mod hostile;
mod imports;
mod steps;

use std::io::{Cursor, Read as _};

use bytes::Bytes;
use domain::principal::Role;
use domain::{JobId, WorkspaceId};
use serde_json::{Value, json};
use testkit::{Client, Options, Sheaf};
use zip::ZipArchive;

/// Larger than what is written in one go.
const LARGE: usize = 21 * 1024 * 1024 + 17;

/// A runner that takes large files in one request.
fn options() -> Options {
    Options {
        uploads: upload::Limits {
            direct_bytes: 64 * 1024 * 1024,
            ..upload::Limits::default()
        },
        ..Options::default()
    }
}

async fn start() -> Sheaf {
    Sheaf::start_with(options()).await
}

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

/// Bytes that do not compress, always the same for a seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Asks for an export, waits for its end, and returns it.
async fn export(sheaf: &Sheaf, client: &Client, body: &Value) -> Value {
    let begun = client.post("/v1/exports", body).await.expect(202).json();
    sheaf.rest().await;
    shown(client, &begun).await
}

async fn shown(client: &Client, export: &Value) -> Value {
    let route = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    client.get(&route).await.expect(200).json()
}

/// Fetches the archive of an export.
async fn archive(client: &Client, export: &Value) -> Bytes {
    let route = format!("/v1/exports/{}/content", export["id"].as_str().unwrap());
    let redirect = client.get(&route).await.expect(302);
    let answer = client.fetch(redirect.header("location")).await;
    assert_eq!(answer.status.as_u16(), 200);
    answer.body
}

fn read(archive: &Bytes) -> ZipArchive<Cursor<Bytes>> {
    ZipArchive::new(Cursor::new(archive.clone())).unwrap()
}

/// The paths of an archive, in its order.
fn paths(archive: &Bytes) -> Vec<String> {
    let mut archive = read(archive);
    (0..archive.len())
        .map(|position| {
            archive
                .by_index(position)
                .unwrap()
                .name()
                .unwrap()
                .into_owned()
        })
        .collect()
}

/// The bytes of an entry, whose CRC-32 is checked as it is read.
fn entry(archive: &Bytes, path: &str) -> Vec<u8> {
    let mut archive = read(archive);
    let mut entry = archive.by_name(path).unwrap();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The lines of the manifest.
fn manifest(archive: &Bytes) -> Vec<Value> {
    let last = paths(archive).pop().unwrap();
    let text = String::from_utf8(entry(archive, &last)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Uploads an archive, imports it, waits for the end, and returns the job.
async fn import(sheaf: &Sheaf, client: &Client, archive: impl Into<Bytes>, more: &Value) -> Value {
    let archive: Bytes = archive.into();
    let file = client.put("name=in.zip&folder=/archives", archive).await;
    sheaf.rest().await;
    let mut body = json!({"file_id": file["id"]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let begun = client.post("/v1/imports", &body).await.expect(202).json();
    sheaf.rest().await;
    let id = begun["job"]["id"].as_str().unwrap();
    job(client, id).await
}

async fn job(client: &Client, id: &str) -> Value {
    let route = format!("/v1/jobs/{id}");
    client.get(&route).await.expect(200).json()
}

/// The codes of the reasons of a job.
fn codes(job: &Value) -> Vec<String> {
    let reasons = job["progress"]["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap().to_owned())
        .collect()
}

/// All files of a workspace below a folder, by path, in order.
async fn files(client: &Client, folder: &str) -> Vec<Value> {
    let route = format!("/v1/files?folder={folder}&recursive=true&limit=100");
    let list = client.get(&route).await;
    if list.status.as_u16() == 404 {
        return Vec::new();
    }
    let mut files = list.expect(200).json()["items"].as_array().unwrap().clone();
    files.sort_by_key(|file| file["path"].as_str().unwrap().to_owned());
    files
}

async fn usage(client: &Client) -> (u64, u64) {
    let usage = client.get("/v1/usage").await.expect(200).json();
    let of = |name: &str| usage[name].as_u64().unwrap();
    (of("used_bytes"), of("used_files"))
}

fn id_of(export: &Value) -> JobId {
    export["id"].as_str().unwrap().parse().unwrap()
}

/// How many objects there are of exports.
async fn objects(sheaf: &Sheaf) -> usize {
    let blobs = &sheaf.store().blobs;
    let listed = blobs.list(store::blob::EXPORTS_PREFIX, None).await.unwrap();
    listed.objects.len()
}

async fn multiparts(sheaf: &Sheaf) -> usize {
    let blobs = &sheaf.store().blobs;
    let listed = blobs
        .list_multiparts(store::blob::EXPORTS_PREFIX, None)
        .await
        .unwrap();
    listed.multiparts.len()
}

fn other(sheaf: &Sheaf) -> Client {
    sheaf.client("other", Role::Admin)
}
