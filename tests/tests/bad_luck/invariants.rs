//! What must hold of all rows and objects once nothing is under way: asked after whatever was done to
//! them. It is counted here by other code than that of `sheaf doctor`, so that one finds what the other
//! overlooks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::folder::Tally;
use domain::{FolderId, WorkspaceId};
use serde_json::Value;
use store::blob::{BLOBS_PREFIX, PRESIGNED_PREFIX, STAGED_PREFIX};
use store::table::from_row;
use testkit::Sheaf;

/// All rows of the table.
pub(crate) async fn rows(sheaf: &Sheaf) -> Vec<Value> {
    let table = &sheaf.store().table;
    let mut rows = Vec::new();
    let mut start = None;
    loop {
        let page = table
            .client()
            .scan()
            .table_name(table.name())
            .set_exclusive_start_key(start)
            .send()
            .await
            .unwrap();
        rows.extend(page.items.into_iter().flatten());
        start = page.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            let read = |row| from_row::<Value>(row).unwrap();
            return rows.into_iter().map(read).collect();
        }
    }
}

/// The paths of all objects that hold bytes of files.
pub(crate) async fn objects(sheaf: &Sheaf) -> BTreeSet<String> {
    objects_under(sheaf, &[BLOBS_PREFIX, PRESIGNED_PREFIX]).await
}

async fn objects_under(sheaf: &Sheaf, prefixes: &[&str]) -> BTreeSet<String> {
    let blobs = &sheaf.store().blobs;
    let mut paths = BTreeSet::new();
    for prefix in prefixes {
        let mut after: Option<String> = None;
        loop {
            let page = blobs.list(prefix, after.as_deref()).await.unwrap();
            after = page.objects.last().map(|object| object.path.clone());
            paths.extend(page.objects.into_iter().map(|object| object.path));
            if !page.more {
                break;
            }
        }
    }
    paths
}

pub(crate) fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// Checks that references, rows and objects say the same. Returns how many blobs there are.
pub(crate) async fn consistent(sheaf: &Sheaf) -> usize {
    let objects = objects(sheaf).await;
    check_blobs(&rows(sheaf).await, &objects)
}

/// Checks that references, rows and objects of blobs say the same, and returns how many blobs there
/// are. No session is open.
#[track_caller]
fn check_blobs(rows: &[Value], objects: &BTreeSet<String>) -> usize {
    let mut referred: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["version_owner"].is_string()) {
        *referred
            .entry(text(&row["content"]["blob"], "id"))
            .or_default() += 1;
    }
    let named_by = |path: &'_ String| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    for path in objects {
        *stored.entry(named_by(path)).or_default() += 1;
    }
    let mut known = BTreeMap::new();
    for row in rows.iter().filter(|row| row["upload"].is_string()) {
        let blob = text(&row["blob"], "id");
        let refs = row["refs"].as_u64().unwrap();
        assert_eq!(refs, referred.remove(blob).unwrap_or_default(), "{row}");
        assert_ne!(refs, 0, "it is still going: {row}");
        known.insert(blob, text(row, "sha256"));
        assert_eq!(stored.get(blob), Some(&1), "its object: {row}");
    }
    assert!(referred.is_empty(), "versions without a blob: {referred:?}");
    assert_eq!(objects.len(), known.len(), "objects without a row");
    let mut named = 0;
    for row in rows.iter().filter(|row| row["written_by"].is_string()) {
        let hash = text(row, "pk").rsplit('#').next().unwrap();
        assert_eq!(known[text(row, "blob_id")], hash, "{row}");
        named += 1;
    }
    let shared = known.values().filter(|hash| !hash.is_empty()).count();
    assert_eq!(named, shared, "hashes that name no blob");
    known.len()
}

/// Checks everything: blobs, names, folders, counters, quotas; that nothing is left half-way and no
/// work is still to be done. Nothing is expired, no session is open, and no blob is still going.
pub(crate) async fn assert_whole(sheaf: &Sheaf) {
    let rows = rows(sheaf).await;
    check_blobs(&rows, &objects(sheaf).await);
    let staged = objects_under(sheaf, &[STAGED_PREFIX]).await;
    assert!(staged.is_empty(), "staged pieces are left: {staged:?}");
    for prefix in [BLOBS_PREFIX, PRESIGNED_PREFIX] {
        let open = sheaf.store().blobs.list_multiparts(prefix, None).await;
        assert_eq!(open.unwrap().multiparts.len(), 0, "open under {prefix}");
    }
    for row in &rows {
        assert_ne!(row["kind"], "erasing", "it is still being erased: {row}");
        assert_ne!(row["folder_state"], "erasing", "it is still there: {row}");
        assert_ne!(row["phase"], "open", "a session is open: {row}");
    }
    for (workspace, rows) in by_workspace(&rows) {
        check_names(&rows);
        check_counters(&rows);
        let quota = used(&rows);
        let usage = sheaf.store().usage(&workspace).await.unwrap();
        let found = (usage.used_files, usage.used_bytes);
        assert_eq!(found, quota, "the quota of {workspace}");
    }
}

fn by_workspace(rows: &[Value]) -> HashMap<WorkspaceId, Vec<&Value>> {
    let mut workspaces: HashMap<WorkspaceId, Vec<&Value>> = HashMap::new();
    for row in rows {
        let mut parts = text(row, "pk").split('#');
        if parts.next() == Some("W") {
            let workspace = parts.next().unwrap().parse().unwrap();
            workspaces.entry(workspace).or_default().push(row);
        }
    }
    workspaces
}

fn is_file(row: &Value) -> bool {
    row["kind"] == "file"
}

fn is_folder(row: &Value) -> bool {
    row["folder_state"].is_string()
}

/// The files and the folders that are where they say, and not in the trash by themselves.
fn placed<'a>(rows: &[&'a Value]) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut placed = Vec::new();
    for row in rows {
        if is_file(row) && row["file_state"] == "active" {
            placed.push((text(row, "folder"), text(row, "file_name"), text(row, "id")));
        }
        if is_folder(row) && row["folder_state"] == "active" {
            let (parent, name) = (text(row, "parent"), text(row, "folder_name"));
            placed.push((parent, name, text(row, "folder")));
        }
    }
    placed
}

/// Each has its name, and each name is of one that has it.
fn check_names(rows: &[&Value]) {
    let mut names = BTreeMap::new();
    for row in rows {
        let mut partition = text(row, "pk").split('#').skip(2);
        if partition.next() == Some("N") {
            let folder = partition.next().unwrap();
            let holder = row["file_id"].as_str().or(row["folder_id"].as_str());
            names.insert((folder, text(row, "sk")), holder.unwrap());
        }
    }
    for (folder, name, id) in placed(rows) {
        let held = names.remove(&(folder, name));
        assert_eq!(held, Some(id), "{name} in {folder}");
    }
    assert!(names.is_empty(), "names of nothing: {names:?}");
}

/// The counters of folders count what is in them, and folders are listed in their parents.
fn check_counters(rows: &[&Value]) {
    let mut counted: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut listed = BTreeSet::new();
    for row in rows {
        let folder = text(row, "pk").rsplit('#').next().unwrap();
        if row["file_count"].is_number() {
            let count = |field: &str| row[field].as_i64().unwrap_or_default();
            let tally = Tally {
                files: count("file_count"),
                folders: count("folder_count"),
                bytes: count("size_bytes"),
            };
            let sum = counted.entry(folder).or_default();
            *sum = sum.and(tally);
        }
        if row["child_name"].is_string() {
            listed.insert((folder, text(row, "child_name"), text(row, "child")));
        }
    }
    let mut expected: BTreeMap<&str, Tally> = BTreeMap::new();
    let folders = rows.iter().filter(|row| is_folder(row));
    expected.extend(folders.map(|row| (text(row, "folder"), Tally::default())));
    for row in rows {
        if is_file(row) && row["file_state"] == "active" {
            let size = row["content"]["size_bytes"].as_u64().unwrap();
            let sum = expected.entry(text(row, "folder")).or_default();
            *sum = sum.and(Tally::file(size));
        }
        if is_folder(row) && row["folder_state"] == "active" {
            let (parent, name) = (text(row, "parent"), text(row, "folder_name"));
            assert!(listed.remove(&(parent, name, text(row, "folder"))), "{row}");
            let sum = expected.entry(parent).or_default();
            *sum = sum.and(Tally::folder());
        }
    }
    assert!(listed.is_empty(), "listed and not there: {listed:?}");
    let root = FolderId::ROOT.to_string();
    expected.entry(&root).or_default();
    counted.entry(&root).or_default();
    assert_eq!(counted, expected);
}

/// How many files and bytes the rows of a workspace add up to.
fn used(rows: &[&Value]) -> (u64, u64) {
    let files = rows.iter().filter(|row| is_file(row)).count() as u64;
    let versions = rows.iter().filter(|row| row["version_owner"].is_string());
    let size = |row: &&Value| row["content"]["size_bytes"].as_u64().unwrap();
    (files, versions.map(size).sum())
}
