//! Uploads as the store is asked for them.

use domain::Sha256;
use domain::file::Writer;
use domain::name::FolderPath;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME};
use store::upload::Beginning;

/// What is to be begun of some bytes that go to a path, such as `/bills/May.txt`: a function writes
/// them, as a text, and they become a version where the name is taken.
///
/// What is to be otherwise is said by `Beginning { plan, ..beginning(path, bytes) }`.
pub fn beginning(path: &str, bytes: &[u8]) -> Beginning {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder: FolderPath = folder.parse().expect("a folder's path");
    Beginning {
        intent: Intent {
            name: name.parse().expect("a file's name"),
            folder,
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Version,
            expected: None,
            owner: "someone".to_owned(),
        },
        size_bytes: bytes.len() as u64,
        content_type: Some("text/plain".to_owned()),
        sha256: Some(Sha256::of(bytes)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable: None,
    }
}
