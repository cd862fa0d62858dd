//! A workspace with many files, the same for the same seed: folders some levels deep, of which one holds a tenth of all
//! files, one a hundred, and the others few or many; names in several scripts; two years of changes.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::folder::{Folder, FolderState};
use domain::name::FileName;
use domain::{FileId, FolderId, WorkspaceId};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use store::Store;
use store::filling::Filling;
use store::table::Write;
use uuid::Uuid;

use crate::Metered;

/// The folder with a tenth of all files, in the root.
pub const LARGE: &str = "large";
/// The folder with a hundred files, in the root.
pub const SMALL: &str = "small";
/// How many files that is.
pub const FEW: u64 = 100;

/// Writes of one transaction. Source: DynamoDB quotas.
const TRANSACTION: usize = 100;
/// Transactions under way: one is written while others are made.
const AT_ONCE: usize = 4;
/// How far back files were made.
const PAST: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// What names are made of.
const WORDS: [&str; 18] = [
    "invoice",
    "report",
    "Zażółć gęślą",
    "Übergrößenträger",
    "naïveté",
    "договор",
    "счёт-фактура",
    "Ισολογισμός",
    "חשבונית",
    "فاتورة",
    "चालान",
    "ใบแจ้งหนี้",
    "发票",
    "契約書",
    "請求書",
    "계약서",
    "հաշիվ",
    "📷 photo",
];

/// How many of what there are to be.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: usize,
    /// How many levels of folders.
    pub depth: usize,
    /// What everything follows from.
    pub seed: u64,
}

/// What was made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Rows that were written.
    pub rows: u64,
    /// How long that took.
    pub took: Duration,
}

/// Fills a workspace of a data folder, in which nothing may be yet.
///
/// # Panics
/// When it cannot be filled.
pub async fn fill(data: &Path, workspace: &WorkspaceId, shape: Shape) -> Made {
    let runner = Metered::start(data.to_owned(), runtime::clock::Clock::system()).await;
    let client = runner.client(workspace);
    let page = client.get("/v1/files?limit=1").await.expect(200).json();
    assert_eq!(
        page["items"],
        serde_json::json!([]),
        "the workspace is not empty"
    );
    let first = client
        .put("name=first.txt", "the bytes of all files\n")
        .await;
    runner.work().await;
    let like = first["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a file id");

    let begun = Instant::now();
    let store = runner.store();
    let filling = store.begin_filling(workspace, like, shape.files).await;
    let mut tree = Tree::new(filling.expect("room for the files"), shape);
    let mut rows = 0;
    rows += write(store, tree.folders()).await;
    rows += write(store, tree.files()).await;
    rows += write(store, tree.filling.counts().expect("rows").into_iter()).await;
    let took = begun.elapsed();
    runner.server.stop().await;
    Made { rows, took }
}

async fn write(store: &Store, writes: impl Iterator<Item = Write>) -> u64 {
    let mut rows = 0;
    let mut transactions = futures::stream::iter(Transactions(writes))
        .map(|writes| async move {
            let count = writes.len();
            store.table.transact(writes).await.expect("a transaction");
            count
        })
        .buffer_unordered(AT_ONCE);
    while let Some(count) = transactions.next().await {
        rows += count as u64;
    }
    rows
}

/// Puts writes together to transactions.
struct Transactions<I>(I);

impl<I: Iterator<Item = Write>> Iterator for Transactions<I> {
    type Item = Vec<Write>;

    fn next(&mut self) -> Option<Vec<Write>> {
        let writes: Vec<Write> = self.0.by_ref().take(TRANSACTION).collect();
        (!writes.is_empty()).then_some(writes)
    }
}

struct Tree {
    random: StdRng,
    shape: Shape,
    now: Timestamp,
    folders: Vec<Folder>,
    /// Where the folder of each is among them; none in the root.
    parents: Vec<Option<usize>>,
    filling: Filling,
}

impl Tree {
    fn new(filling: Filling, shape: Shape) -> Self {
        let mut tree = Self {
            random: StdRng::seed_from_u64(shape.seed),
            shape,
            now: Timestamp::now(),
            folders: Vec::new(),
            parents: Vec::new(),
            filling,
        };
        tree.grow();
        tree
    }

    /// Makes the folders, each in the root or in one that was made before and is not too deep.
    fn grow(&mut self) {
        let mut levels = Vec::new();
        for number in 0..self.shape.folders {
            let (parent, level, name) = match number {
                0 => (None, 1, LARGE.to_owned()),
                1 => (None, 1, SMALL.to_owned()),
                _ => {
                    let above = self.random.random_range(0..=number);
                    let parent = (2..number)
                        .contains(&above)
                        .then_some(above)
                        .filter(|above| levels[*above] < self.shape.depth);
                    let level = parent.map_or(1, |parent| levels[parent] + 1);
                    (parent, level, self.name(number as u64, ""))
                }
            };
            let at = self.past();
            let id = FolderId::new(self.id(at));
            levels.push(level);
            self.parents.push(parent);
            self.folders.push(Folder {
                id,
                parent: parent.map_or(FolderId::ROOT, |parent| self.folders[parent].id),
                name: name.parse().expect("a name"),
                created_at: at,
                updated_at: at,
                state: FolderState::Active,
                purge_at: None,
                height: 0,
                revision: 1,
                job: None,
            });
            self.note_height(parent);
        }
    }

    /// Notes in the folders above one that was just made how many levels are below them.
    fn note_height(&mut self, parent: Option<usize>) {
        let mut above = parent;
        let mut height = 1;
        while let Some(at) = above {
            if self.folders[at].height >= height {
                return;
            }
            self.folders[at].height = height;
            height += 1;
            above = self.parents[at];
        }
    }

    fn folders(&mut self) -> impl Iterator<Item = Write> {
        let filling = &mut self.filling;
        self.folders
            .iter()
            .flat_map(|folder| filling.folder(folder).expect("rows"))
    }

    /// The first files are in the large folder, then the small one is filled, then the others: of these a hundredth has
    /// as many as all others together.
    fn files(&mut self) -> impl Iterator<Item = Write> {
        let large = self.shape.files / 10;
        (0..self.shape.files).flat_map(move |number| {
            let others = self.folders.len() - 2;
            let folder = if number < large {
                0
            } else if number < large + FEW {
                1
            } else if self.random.random_bool(0.5) {
                2 + self.random.random_range(0..others.div_ceil(100))
            } else {
                2 + self.random.random_range(0..others)
            };
            let at = self.past();
            let id = FileId::new(self.id(at));
            let folder = self.folders[folder].id;
            let name = self.name(number, ".txt");
            let name: FileName = name.parse().expect("a name");
            self.filling.file(id, folder, name, at).expect("rows")
        })
    }

    fn name(&mut self, number: u64, ending: &str) -> String {
        let word = WORDS[self.random.random_range(0..WORDS.len())];
        format!("{word} {number}{ending}")
    }

    fn past(&mut self) -> Timestamp {
        let ago = self.random.random_range(1..PAST.as_micros());
        let ago = SignedDuration::from_micros(i64::try_from(ago).expect("two years"));
        let at = self.now.checked_sub(ago).expect("a time in the past");
        Timestamp::from_microsecond(at.as_microsecond()).expect("the same time")
    }

    /// An id of version 7, as of that time.
    fn id(&mut self, at: Timestamp) -> Uuid {
        let millis = u64::try_from(at.as_millisecond()).expect("a time after 1970");
        let random: [u8; 10] = self.random.random();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
