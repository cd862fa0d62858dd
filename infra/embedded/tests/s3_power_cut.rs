//! Cuts the power after each step the object store takes, and looks for what it had promised.
//!
//! The store tells every file operation to a watcher. At each of them the watcher keeps what a disk would: of a file,
//! the bytes it had when it was last synced; of names, in the one extreme only those of folders synced since
//! (`Disk::Lazy`), in the other all of them, but of unsynced files nothing (`Disk::Eager`). The index is kept as its
//! files are at that moment: that a committed transaction is on the disk is `SQLite`'s promise, which
//! `Database::open` makes sure to have asked for.
//!
//! Every such state is then opened as after a restart, and must hold each object that had been acknowledged by then,
//! hold no other bytes under any key, and have no file that nothing names.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use embedded::clock::Clock;
use embedded::database::Database;
use embedded::queue::Queue;
use embedded::s3::files::{Files, Step};
use embedded::s3::{Server, Store, StoreSettings};
use jiff::Timestamp;
use tempfile::TempDir;

/// Bytes of a file, when they were synced.
type Synced = Option<Vec<u8>>;

/// How a disk treats names that were not synced when the power went.
#[derive(Clone, Copy, Debug)]
enum Disk {
    /// It has none of the changes since the folder was synced.
    Lazy,
    /// It has all of them, before it has any unsynced byte.
    Eager,
}

/// What would be on the disk.
#[derive(Clone, Default)]
struct Kept {
    /// The bytes of each file by a number of its own, since a file has several names in its life.
    files: HashMap<usize, Synced>,
    /// The names there are, and the names there were when their folder was synced.
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    /// The folders there are, and those whose name is on the disk.
    folders: BTreeSet<PathBuf>,
    synced_folders: BTreeSet<PathBuf>,
}

/// A moment at which the power may go.
struct Moment {
    after: String,
    kept: Kept,
    index: Vec<(PathBuf, Vec<u8>)>,
    promised: BTreeMap<String, Allowed>,
}

/// What may be under a key: one content while nothing is under way, either of two while a change is.
type Allowed = Vec<Option<Vec<u8>>>;

/// Watches a store and keeps every moment.
#[derive(Default)]
struct Recorder {
    kept: Kept,
    promised: BTreeMap<String, Allowed>,
    /// Kept from when the store is open.
    moments: Option<Vec<Moment>>,
}

impl Kept {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::MadeFolder(path) => {
                self.folders.insert(path.clone());
            }
            Step::Made(path) => {
                let number = self.files.len();
                self.files.insert(number, None);
                self.names.insert(path.clone(), number);
            }
            Step::Wrote(path) => {
                self.files.insert(self.names[path], None);
            }
            Step::SyncedFile(path) => {
                self.files
                    .insert(self.names[path], Some(std::fs::read(path).unwrap()));
            }
            Step::Moved { from, to } => {
                let number = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), number);
            }
            Step::Linked { from, to } => {
                let number = self.names[from];
                self.names.insert(to.clone(), number);
            }
            Step::SyncedFolder(folder) => {
                let inside = |path: &&PathBuf| path.parent() == Some(folder.as_path());
                self.synced_folders
                    .extend(self.folders.iter().filter(inside).cloned());
                self.synced_names.retain(|path, _| !inside(&path));
                let synced = self.names.iter().filter(|(path, _)| inside(path));
                self.synced_names
                    .extend(synced.map(|(path, number)| (path.clone(), *number)));
            }
            Step::Removed(path) => {
                self.names.remove(path);
            }
        }
    }

    /// Puts what a disk would have kept into a folder.
    fn restore(&self, disk: Disk, from: &Path, to: &Path) {
        let (names, folders) = match disk {
            Disk::Lazy => (&self.synced_names, &self.synced_folders),
            Disk::Eager => (&self.names, &self.folders),
        };
        let reached = |path: &Path| {
            path.ancestors()
                .skip(1)
                .take_while(|a| *a != from)
                .all(|a| folders.contains(a))
        };
        for (path, number) in names.iter().filter(|(path, _)| reached(path)) {
            let path = to.join(path.strip_prefix(from).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, self.files[number].as_deref().unwrap_or_default()).unwrap();
        }
    }
}

impl Recorder {
    fn keep(&mut self, after: String, folder: &Path) {
        let index = ["objects.sqlite", "objects.sqlite-wal"]
            .into_iter()
            .filter_map(|name| {
                let bytes = std::fs::read(folder.join(name)).ok()?;
                Some((PathBuf::from(name), bytes))
            });
        let Some(moments) = &mut self.moments else {
            return;
        };
        moments.push(Moment {
            after,
            kept: self.kept.clone(),
            index: index.collect(),
            promised: self.promised.clone(),
        });
    }
}

/// A store whose every step is a moment.
struct Watched {
    folder: TempDir,
    client: Client,
    recorder: Arc<Mutex<Recorder>>,
    _server: Server,
}

async fn open(folder: &Path, files: Files) -> (Client, Server) {
    let clock: Clock = Arc::new(Timestamp::now);
    let database = Database::open(&folder.join("objects.sqlite")).unwrap();
    let queue = Queue::open(
        database.clone(),
        Arc::clone(&clock),
        embedded::queue::Settings::default(),
    )
    .await
    .unwrap();
    let mut settings = StoreSettings::new(folder.to_owned(), "bucket");
    settings.files = files;
    let store = Store::open(database, queue, settings, clock).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let key = embedded::s3::Credentials {
        access_key: "access".to_owned(),
        secret_key: "secret".to_owned(),
    };
    let server = Server::start(store, listener, key).unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address()))
        .force_path_style(true)
        .credentials_provider(Credentials::from_keys("access", "secret", None))
        .build();
    (Client::from_conf(config), server)
}

impl Watched {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Arc::new(Mutex::new(Recorder::default()));
        let (watching, path) = (Arc::clone(&recorder), folder.path().to_owned());
        let files = Files::watched_by(Arc::new(move |step| {
            let mut recorder = watching.lock().unwrap();
            recorder.kept.apply(step);
            recorder.keep(format!("{step:?}"), &path);
        }));
        let (client, server) = open(folder.path(), files).await;
        recorder.lock().unwrap().moments = Some(Vec::new());
        Self {
            folder,
            client,
            recorder,
            _server: server,
        }
    }

    /// Runs a change after which `key` must hold `new`, and before the end of which it may hold what it held or that.
    async fn change(&self, key: &str, new: Option<Vec<u8>>, change: impl Future<Output = ()>) {
        let old = {
            let promised = &mut self.recorder.lock().unwrap().promised;
            let old = promised.get(key).and_then(|allowed| allowed[0].clone());
            promised.insert(key.to_owned(), vec![old.clone(), new.clone()]);
            old
        };
        change.await;
        let mut recorder = self.recorder.lock().unwrap();
        recorder.promised.insert(key.to_owned(), vec![new]);
        recorder.keep(
            format!(
                "acknowledging the change of {key} from {:?} bytes",
                old.map(|old| old.len())
            ),
            self.folder.path(),
        );
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) {
        let put = self
            .client
            .put_object()
            .bucket("bucket")
            .key(key)
            .body(bytes.clone().into());
        self.change(
            key,
            Some(bytes),
            Box::pin(Box::pin(async { drop(put.send().await.unwrap()) })),
        )
        .await;
    }

    /// Opens the store as after a cut at each moment, on either disk, and checks it. Returns how many there were.
    async fn check_every_moment(self) -> usize {
        let moments = self.recorder.lock().unwrap().moments.take().unwrap();
        for moment in &moments {
            for disk in [Disk::Lazy, Disk::Eager] {
                moment.check(disk, self.folder.path()).await;
            }
        }
        moments.len()
    }
}

impl Moment {
    async fn check(&self, disk: Disk, original: &Path) {
        let when = format!("{disk:?} disk, power cut after {}", self.after);
        let folder = tempfile::tempdir().unwrap();
        self.kept.restore(disk, original, folder.path());
        for (name, bytes) in &self.index {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }

        let (client, server) = open(folder.path(), Files::default()).await;

        for (key, allowed) in &self.promised {
            let found = match client.get_object().bucket("bucket").key(key).send().await {
                Ok(answer) => Some(
                    answer
                        .body
                        .collect()
                        .await
                        .unwrap_or_else(|e| panic!("{key}: {e}; {when}"))
                        .to_vec(),
                ),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(GetObjectError::is_no_such_key) =>
                {
                    None
                }
                Err(error) => panic!("{key}: {error:?}; {when}"),
            };
            assert!(
                allowed.contains(&found),
                "{key} has {:?} bytes; {when}",
                found.map(|found| found.len())
            );
        }
        server.stop().await;
        assert_eq!(
            files_of(folder.path()),
            named_files(folder.path()),
            "{when}"
        );
    }
}

fn files_of(folder: &Path) -> usize {
    assert_eq!(folder.join("incoming").read_dir().unwrap().count(), 0);
    let shards = folder.join("blobs").read_dir().unwrap();
    shards
        .map(|shard| shard.unwrap().path().read_dir().unwrap().count())
        .sum()
}

fn named_files(folder: &Path) -> usize {
    let index = rusqlite::Connection::open(folder.join("objects.sqlite")).unwrap();
    let count = "SELECT (SELECT count(*) FROM pieces) + (SELECT count(*) FROM parts)";
    index.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_replace_and_delete_outlive_a_cut_at_any_step() {
    let store = Watched::start().await;

    store.put("one", b"first content".to_vec()).await;
    store.put("two", vec![2; 1_200_000]).await;
    store.put("one", b"second content".to_vec()).await;
    let delete = store.client.delete_object().bucket("bucket").key("two");
    store
        .change(
            "two",
            None,
            Box::pin(Box::pin(async { drop(delete.send().await.unwrap()) })),
        )
        .await;
    store.put("inbox/w/three", Vec::new()).await;

    let moments = store.check_every_moment().await;
    assert!(moments > 20, "only {moments} moments were seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_outlives_a_cut_at_any_step() {
    let store = Watched::start().await;
    store.put("from", b"copied content".to_vec()).await;

    let copy = store
        .client
        .copy_object()
        .bucket("bucket")
        .copy_source("bucket/from")
        .key("to");
    let content = Some(b"copied content".to_vec());
    store
        .change(
            "to",
            content,
            Box::pin(Box::pin(async { drop(copy.send().await.unwrap()) })),
        )
        .await;
    store.put("from", b"replaced".to_vec()).await;

    store.check_every_moment().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multipart_upload_outlives_a_cut_at_any_step() {
    let store = Watched::start().await;
    let begin = store
        .client
        .create_multipart_upload()
        .bucket("bucket")
        .key("key")
        .send()
        .await
        .unwrap();
    let upload = begin.upload_id().unwrap();
    let mut parts = Vec::new();
    let whole = [vec![1; 5 * 1024 * 1024], b"tail".to_vec()];
    for (number, bytes) in (1..).zip(&whole) {
        let part = store
            .client
            .upload_part()
            .bucket("bucket")
            .key("key")
            .upload_id(upload)
            .part_number(number);
        let sent = part.body(bytes.clone().into()).send().await.unwrap();
        let part = CompletedPart::builder()
            .part_number(number)
            .e_tag(sent.e_tag().unwrap());
        parts.push(part.set_checksum_crc32(sent.checksum_crc32).build());
    }

    let complete = store
        .client
        .complete_multipart_upload()
        .bucket("bucket")
        .key("key")
        .upload_id(upload);
    let complete = complete.multipart_upload(
        CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build(),
    );
    store
        .change(
            "key",
            Some(whole.concat()),
            Box::pin(async { drop(complete.send().await.unwrap()) }),
        )
        .await;
    store.put("key", b"replaced".to_vec()).await;

    store.check_every_moment().await;
}
