//! What the stack lets in: its object store, which checks signatures, and nothing else.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use embedded::stack::{Stack, StackSettings};

/// The state of a socket that listens. Source: Linux, `include/net/tcp_states.h`.
const LISTENING: &str = "0A";

/// The sockets this process has open, by their inodes.
fn open_sockets() -> BTreeSet<String> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    files
        .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok())
        .filter_map(|target: PathBuf| {
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect()
}

/// The TCP ports on which this process listens.
fn listening_ports() -> Vec<u16> {
    let ours = open_sockets();
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .into_iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (columns[1], columns[3], columns[9]);
            let (_, port) = local.rsplit_once(':')?;
            (state == LISTENING && ours.contains(inode))
                .then(|| u16::from_str_radix(port, 16).unwrap())
        })
        .collect()
}

/// The port to which signed URLs point.
async fn object_store_port(stack: &Stack) -> u16 {
    let blobs = &stack.store.blobs;
    let signed = blobs
        .client()
        .get_object()
        .bucket(blobs.bucket())
        .key("any")
        .presigned(PresigningConfig::expires_in(Duration::from_mins(1)).unwrap())
        .await
        .unwrap();
    signed
        .uri()
        .parse::<http::Uri>()
        .unwrap()
        .port_u16()
        .unwrap()
}

#[tokio::test]
async fn stack_listens_for_objects_only() {
    let place = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackSettings::new(place.path().join("data")))
        .await
        .unwrap();

    assert_eq!(listening_ports(), [object_store_port(&stack).await]);

    stack.stop().await;
    assert!(listening_ports().is_empty());
}
