//! One step at a time, done by the API and by the model: both say the same.

mod files;
mod folders;
mod uploads;

use std::collections::VecDeque;
use std::rc::Rc;

use domain::name::FileName;
use http::Method;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use store::quota::Quota;
use store::trash::TrashTime;
use testkit::{Answer, Client, Options, Sheaf};

use super::expected::{Bytes, Folder, IN_TRASH, NOT_FOUND, Refusal, State, Workspace, root};

/// What fits into the workspace: little, so that it is full now and then.
const QUOTA_OF_ALL: Quota = Quota {
    bytes: 12_000,
    files: 60,
};

/// Folders are nested no deeper than this here; the product's limit has tests of its own.
const DEEPEST: usize = 8;

/// How many of the last steps are told when one goes wrong.
const TOLD: usize = 40;

/// A step of the clock, in minutes. What expires does so half a step off, so that the time a run
/// takes changes nothing.
const MINUTES: u64 = 30;

pub(super) struct Run {
    pub(super) sheaf: Sheaf,
    pub(super) client: Client,
    pub(super) model: Workspace,
    pub(super) random: StdRng,
    seed: u64,
    steps: usize,
    told: VecDeque<String>,
    fresh: u32,
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

impl Run {
    pub(super) async fn start(seed: u64) -> Self {
        let options = Options {
            quota: QUOTA_OF_ALL,
            trash_time: TrashTime::Days(1),
            ..Options::default()
        };
        let sheaf = Sheaf::start_with(options).await;
        let client = sheaf.admin();
        let model = Workspace {
            quota_bytes: QUOTA_OF_ALL.bytes,
            quota_files: QUOTA_OF_ALL.files,
            trash_time: 24 * 60,
            ..Workspace::default()
        };
        Self {
            sheaf,
            client,
            model,
            random: StdRng::seed_from_u64(seed),
            seed,
            steps: 0,
            told: VecDeque::new(),
            fresh: 0,
        }
    }

    /// Ends the test, and says how this came about.
    #[track_caller]
    pub(super) fn fail(&self, why: &str) -> ! {
        let told: Vec<&str> = self.told.iter().map(String::as_str).collect();
        panic!(
            "seed {}, step {}: {why}\nthe last steps:\n{}",
            self.seed,
            self.steps,
            told.join("\n")
        );
    }

    #[track_caller]
    pub(super) fn assert_same<T: PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        found: &T,
        expected: &T,
    ) {
        if found != expected {
            self.fail(&format!(
                "{what}\n   found {found:?}\nexpected {expected:?}"
            ));
        }
    }

    fn tell(&mut self, what: impl std::fmt::Display) {
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        self.told.push_back(format!("{}. {what}", self.steps));
    }

    /// Checks that an answer is as predicted. Says whether the request was done.
    #[track_caller]
    fn is_done(&self, answer: &Answer, predicted: Result<(), Refusal>, status: &[u16]) -> bool {
        let found = (answer.status.as_u16(), answer.code());
        match predicted {
            Ok(()) if status.contains(&found.0) => true,
            Err(refusal) if found == (refusal.status, refusal.code.to_owned()) => false,
            predicted => self.fail(&format!(
                "answered {} {}\nexpected {predicted:?} ({status:?})",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
        }
    }

    /// Asks until nobody is in the way: the pipeline changes files, too.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        loop {
            let answer = self
                .client
                .send(method.clone(), path, headers, body.clone())
                .await;
            if answer.status.as_u16() != 429 {
                return answer;
            }
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        self.ask(Method::POST, path, &json, body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        let body = body.to_string().into_bytes();
        self.ask(Method::PATCH, path, &json, body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, &[], Vec::new()).await
    }

    /// Does something at random.
    pub(super) async fn step(&mut self) {
        self.steps += 1;
        match self.random.random_range(0..100) {
            0..18 => self.put().await,
            18..24 => self.begin_signed().await,
            24..29 => self.begin_tus().await,
            29..40 => self.go_on().await,
            40..52 => self.change_file().await,
            52..58 => self.copy().await,
            58..64 => self.trash_or_erase().await,
            64..69 => self.restore().await,
            69..72 => self.restore_version().await,
            72..75 => self.remove_versions().await,
            75..79 => self.make_folder().await,
            79..86 => self.change_folder().await,
            86..91 => self.trash_or_remove_folder().await,
            91..95 => self.restore_folder().await,
            95..98 => self.pass_time(),
            _ => self.sweep().await,
        }
    }

    // What is chosen at random.

    fn coin(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    fn one_of<T>(&mut self, of: &[T]) -> Option<T>
    where
        T: Clone,
    {
        let at = self.random.random_range(0..of.len().max(1));
        of.get(at).cloned()
    }

    fn name(&mut self) -> String {
        let names = ["a.txt", "b.txt", "c", "d.bin", "x", "zażółć.txt"];
        names[self.random.random_range(0..names.len())].to_owned()
    }

    fn folder_name(&mut self) -> String {
        let names = ["x", "y", "z", "c"];
        let at = self.random.random_range(0..13);
        names[(at / 4).min(3)].to_owned()
    }

    fn folder_path(&mut self) -> Vec<String> {
        let depth = self.random.random_range(0..4);
        (0..depth).map(|_| self.folder_name()).collect()
    }

    /// Often bytes that are there already.
    fn bytes(&mut self) -> Bytes {
        let number = if self.coin(6) {
            self.fresh += 1;
            1000 + self.fresh
        } else {
            self.random.random_range(0..24)
        };
        let length = number as usize * 37 % 400;
        let mut bytes = if number % 3 == 0 {
            format!("note {number} ").repeat(50).into_bytes()
        } else {
            let noise = (0..400_u32).map(|at| (at * number % 251) as u8);
            [0].into_iter().chain(noise).collect()
        };
        bytes.truncate(length);
        Rc::from(bytes)
    }

    fn tag(&mut self) -> String {
        ["one", "two"][self.random.random_range(0..2)].to_owned()
    }

    /// A file, now and then one that is gone or never was.
    fn file(&mut self) -> String {
        let gone: Vec<String> = self.model.gone.iter().cloned().collect();
        let there: Vec<String> = self.model.files.keys().cloned().collect();
        let pool = if self.coin(15) { &gone } else { &there };
        let never = "01a1fa19-80d9-773a-b594-2c3ac96f7efc";
        self.one_of(pool).unwrap_or_else(|| never.to_owned())
    }

    fn folder(&mut self) -> String {
        let removed = self.coin(15);
        let all = self.model.folders.iter();
        let chosen = all.filter(|(_, folder)| (folder.state == State::Removed) == removed);
        let chosen: Vec<String> = chosen.map(|(id, _)| id.clone()).collect();
        let never = "01a1fa19-80d9-773a-b594-2c3ac96f7efc";
        self.one_of(&chosen).unwrap_or_else(|| never.to_owned())
    }

    // What the server has made on the way.

    /// Learns the ids of the folders of a path, which are there.
    async fn learn(&mut self, path: &[String]) -> String {
        let mut at = root();
        for end in 1..=path.len() {
            let known = self.model.at(&path[..end]).ok().flatten();
            if let Some(known) = known {
                at = known;
                continue;
            }
            let path = format!("/{}", path[..end].join("/"));
            let found = self.post("/v1/folders", &json!({ "path": path })).await;
            if found.status.as_u16() != 200 {
                self.fail(&format!("{path} was not made"));
            }
            let id = text(&found.json(), "id");
            let folder = Folder {
                name: text(&found.json(), "name"),
                parent: at,
                state: State::Active,
            };
            self.model.folders.insert(id.clone(), folder);
            at = id;
        }
        at
    }

    /// Checks that a name is the one asked for, or where that was taken a form of it that was free.
    #[track_caller]
    fn check_name(&self, asked: &str, given: &str, folder: &str, renames: bool) {
        if self.model.holder(folder, asked).is_none() || !renames {
            return self.assert_same("the name", &given, &asked);
        }
        let asked: FileName = asked.parse().unwrap();
        let is_form = (2..200).any(|number| asked.numbered(number).as_str() == given);
        if !is_form || self.model.holder(folder, given).is_some() {
            self.fail(&format!("{given} is no free form of {asked}"));
        }
    }

    // Uploads.

    // Files.

    /// Where something is to be put.
    fn place(&mut self) -> Place {
        if self.coin(2) {
            Place::At(self.folder_path())
        } else if self.coin(5) {
            Place::In(root())
        } else {
            Place::In(self.folder())
        }
    }

    // Folders.

    // Time.

    fn pass_time(&mut self) {
        let minutes = self.random.random_range(1..4) * MINUTES;
        self.tell(format!("{minutes} minutes pass"));
        self.advance(minutes);
    }

    fn advance(&mut self, minutes: u64) {
        let minutes_signed = i64::try_from(minutes).unwrap();
        self.sheaf
            .advance(SignedDuration::from_mins(minutes_signed));
        self.model.now += minutes;
    }

    async fn sweep(&mut self) {
        self.tell("sweep");
        self.sheaf.rest().await;
        let report = self.sheaf.sweep().await;
        self.assert_same("what failed", &report.errors, &0);
        self.assert_same("what is missing", &report.missing, &0);
        self.assert_same("quotas", &report.quotas_wrong, &0);
        self.model.sweep();
        self.sheaf.rest().await;
    }

    /// Uploads that are still open run out.
    pub(super) async fn let_uploads_run_out(&mut self) {
        self.tell("eight days pass");
        self.advance(8 * 24 * 60);
        self.model.sessions.clear();
        self.sweep().await;
        self.sweep().await;
    }
}

enum Place {
    At(Vec<String>),
    In(String),
}

impl Place {
    fn write(&self, body: &mut Value) {
        match self {
            Self::At(path) => body["folder"] = json!(format!("/{}", path.join("/"))),
            Self::In(id) => body["folder_id"] = json!(id),
        }
    }

    /// The folder, when something may be put into it; none when it is to be made.
    fn find(&self, model: &Workspace) -> Result<Option<String>, Refusal> {
        match self {
            Self::At(path) => model.at(path),
            Self::In(id) if *id == root() => Ok(Some(root())),
            Self::In(id) => match model.reachable(id) {
                Ok(_) if model.is_in_trash(id) => Err(IN_TRASH),
                Ok(_) => Ok(Some(id.clone())),
                Err(_) => Err(NOT_FOUND),
            },
        }
    }
}
