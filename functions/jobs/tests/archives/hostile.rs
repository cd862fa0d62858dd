//! Archives that are made to do harm, or are damaged.

use serde_json::json;
use zip::CompressionMethod;

use crate::imports::zipped;
use crate::{codes, files, import, start, usage};

/// Entries as they are, with what a test changes of them.
fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zipped(entries, CompressionMethod::Stored)
}

/// Puts other bytes in the place of some, wherever they are.
fn replaced(archive: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut archive = archive.to_vec();
    let mut at = 0;
    let mut found = 0;
    while at + from.len() <= archive.len() {
        if archive[at..].starts_with(from) {
            archive[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
        at += 1;
    }
    assert!(found > 0);
    archive
}

/// Where the row of the directory of an entry begins.
fn row_of(archive: &[u8], path: &str) -> usize {
    (0..archive.len() - 46)
        .find(|at| {
            archive[*at..].starts_with(b"PK\x01\x02")
                && archive[at + 46..].starts_with(path.as_bytes())
        })
        .unwrap()
}

/// Imports an archive with one good file beside what is wrong, and returns the codes and the names of
/// what came of it.
async fn imported(archive: Vec<u8>) -> (Vec<String>, Vec<String>) {
    let sheaf = start().await;
    let client = sheaf.admin();
    let bytes = archive.len() as u64;
    let job = import(&sheaf, &client, archive, &json!({"folder": "/in"})).await;
    let made = files(&client, "/in").await;
    let sizes: u64 = made
        .iter()
        .map(|file| file["size_bytes"].as_u64().unwrap())
        .sum();
    // Whatever went wrong, nothing stays reserved.
    assert_eq!(usage(&client).await, (bytes + sizes, 1 + made.len() as u64));
    assert_eq!(files(&client, "/").await.len(), 1 + made.len());
    let names = made
        .iter()
        .map(|file| file["path"].as_str().unwrap().to_owned());
    (codes(&job), names.collect())
}

async fn refused_beside_a_good_one(archive: Vec<u8>, code: &str) {
    let (codes, made) = imported(archive).await;
    assert_eq!(
        (codes, made),
        (vec![code.to_owned()], vec!["/in/good.txt".to_owned()])
    );
}

async fn refused_as_a_whole(archive: Vec<u8>, code: &str) {
    let (codes, made) = imported(archive).await;
    assert_eq!((codes, made), (vec![code.to_owned()], Vec::new()));
}

#[tokio::test]
async fn paths_that_lead_out_are_refused() {
    let base = stored(&[("XXevil.txt", b"bad"), ("good.txt", b"good")]);
    for path in [
        b"../vil.txt",
        b"/.evil.txt",
        b"C:evil.txt",
        b"x\\evil.txt",
        b"./evil.txt",
        b"a//vil.txt",
    ] {
        refused_beside_a_good_one(replaced(&base, b"XXevil.txt", path), "bad_path").await;
    }
}

#[tokio::test]
async fn names_that_are_none_and_folders_too_deep_are_refused() {
    let deep = format!("{}evil.txt", "d/".repeat(33));
    let long = format!("{}.txt", "l".repeat(300));
    let archive = stored(&[(&deep, b"1"), (&long, b"2"), ("good.txt", b"good")]);
    let (codes, made) = imported(archive).await;
    assert_eq!(codes, ["bad_path", "bad_path"]);
    assert_eq!(made, ["/in/good.txt"]);
}

#[tokio::test]
async fn links_and_devices_are_refused() {
    let base = stored(&[("link", b"/etc/passwd"), ("good.txt", b"good")]);
    for mode in [0o120_777_u32, 0o020_666, 0o010_666, 0o140_777] {
        let mut archive = base.clone();
        let row = row_of(&archive, "link");
        archive[row + 5] = 3;
        archive[row + 38..row + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        refused_beside_a_good_one(archive, "special_entry").await;
    }
}

#[tokio::test]
async fn encrypted_entries_and_other_methods_are_refused() {
    let base = stored(&[("evil", b"bytes"), ("good.txt", b"good")]);
    let row = row_of(&base, "evil");
    let mut encrypted = base.clone();
    encrypted[row + 8] |= 1;
    encrypted[6] |= 1;
    refused_beside_a_good_one(encrypted, "encrypted").await;
    let mut other = base.clone();
    other[row + 10] = 12;
    other[8] = 12;
    refused_beside_a_good_one(other, "method").await;
}

#[tokio::test]
async fn damaged_bytes_are_refused() {
    let text = b"some text that is not as it was".repeat(10);
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let base = zipped(&[("evil", &text), ("good.txt", b"good")], method);
        let row = row_of(&base, "evil");
        // Another CRC-32.
        let mut other = base.clone();
        other[row + 16] ^= 1;
        refused_beside_a_good_one(other, "damaged").await;
        // Another size: more or less than comes out.
        for size in [1_u32, 1_000] {
            let mut other = base.clone();
            other[row + 24..row + 28].copy_from_slice(&size.to_le_bytes());
            refused_beside_a_good_one(other, "damaged").await;
        }
        // Another name in front of the bytes.
        let mut other = base.clone();
        other[30] = b'E';
        refused_beside_a_good_one(other, "damaged").await;
    }
}

#[tokio::test]
async fn bombs_are_refused_before_they_go_off() {
    let zeros = vec![0_u8; 4 * 1024 * 1024];
    let base = zipped(
        &[("evil", &zeros), ("good.txt", b"good")],
        CompressionMethod::Deflated,
    );
    // What deflate makes of zeros is near its limit, which nothing that is meant comes to.
    refused_beside_a_good_one(base.clone(), "bomb").await;
    // One that says that it is small ends where it says.
    let row = row_of(&base, "evil");
    let mut lying = base.clone();
    lying[row + 24..row + 28].copy_from_slice(&1000_u32.to_le_bytes());
    refused_beside_a_good_one(lying, "damaged").await;
}

#[tokio::test]
async fn entries_that_share_bytes_are_refused() {
    let base = stored(&[("evil", &[7; 500]), ("good.txt", b"good")]);
    let row = row_of(&base, "good.txt");
    let mut overlapping = base.clone();
    overlapping[row + 42..row + 46].copy_from_slice(&10_u32.to_le_bytes());
    refused_as_a_whole(overlapping, "overlapping_entries").await;
    let mut beyond = base.clone();
    beyond[row + 20..row + 28].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
    refused_as_a_whole(beyond, "overlapping_entries").await;
}

#[tokio::test]
async fn two_entries_of_one_path_are_refused() {
    let base = stored(&[("aaaa.txt", b"1"), ("good.txt", b"2")]);
    refused_as_a_whole(replaced(&base, b"aaaa.txt", b"good.txt"), "duplicate_paths").await;
    // Composed and not, it is one name.
    let base = stored(&[("x\u{e9}", b"1"), ("xe\u{301}", b"2")]);
    refused_as_a_whole(base, "duplicate_paths").await;
}

#[tokio::test]
async fn programs_are_refused_as_they_are_when_they_are_uploaded() {
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(200, 0);
    program[16] = 2;
    let archive = stored(&[("tool", &program), ("good.txt", b"good")]);
    refused_beside_a_good_one(archive, "refused_type").await;
}

#[tokio::test]
async fn archives_that_are_not_whole_are_refused() {
    let base = stored(&[("good.txt", b"good"), ("b", b"b")]);
    refused_as_a_whole(b"no archive at all".to_vec(), "broken_archive").await;
    for length in [base.len() - 1, base.len() - 10, base.len() / 2, 30] {
        refused_as_a_whole(base[..length].to_vec(), "broken_archive").await;
    }
    // Something in front of it, as a program that unpacks itself has.
    let mut prefixed = b"something".to_vec();
    prefixed.extend_from_slice(&base);
    refused_as_a_whole(prefixed, "broken_archive").await;
}

#[tokio::test]
async fn archive_with_another_end_in_its_comment_is_refused() {
    let base = stored(&[("good.txt", b"good")]);
    let other = stored(&[("evil.txt", b"evil")]);
    let end = &other[other.len() - 22..];
    let mut tricky = base.clone();
    let comment_at = tricky.len() - 2;
    tricky[comment_at..].copy_from_slice(&22_u16.to_le_bytes());
    tricky.extend_from_slice(end);
    refused_as_a_whole(tricky, "broken_archive").await;
}
