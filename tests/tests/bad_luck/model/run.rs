//! One step at a time, done by the API and by the model: both say the same.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use domain::name::FileName;
use e2e::tus::{self, Upload};
use http::Method;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use store::quota::Quota;
use testkit::{Answer, Client, Options, Sheaf};

use super::expected::{
    BELOW_ITSELF, Bytes, CURRENT_VERSION, Folder, GONE, Holder, IN_TRASH, INCOMPLETE, Intent,
    NAME_TAKEN, NOT_A_FOLDER, NOT_FOUND, OnConflict, QUOTA, Refusal, Session, State, Target, Way,
    Workspace, root,
};

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
            ..Options::default()
        };
        let sheaf = Sheaf::start_with(options).await;
        let client = sheaf.admin();
        let model = Workspace {
            quota_bytes: QUOTA_OF_ALL.bytes,
            quota_files: QUOTA_OF_ALL.files,
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

    fn intent(&mut self) -> Intent {
        let on_conflict = [OnConflict::Fail, OnConflict::Rename, OnConflict::Version]
            [self.random.random_range(0..3)];
        let conditional = on_conflict == OnConflict::Version && self.coin(3);
        let short = self.coin(4);
        let tagged = self.coin(2);
        Intent {
            name: self.name(),
            path: self.folder_path(),
            on_conflict,
            expires_in: short.then(|| self.lifetime()),
            tag: tagged.then(|| self.tag()),
            bytes: self.bytes(),
            expected: conditional.then(|| !self.coin(3)),
        }
    }

    fn lifetime(&mut self) -> u64 {
        self.random.random_range(0..6) * MINUTES + MINUTES / 2
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

    /// Learns of a file that an upload became.
    #[track_caller]
    fn take_in(&mut self, intent: &Intent, target: &Target, folder: &str, file: &Value) {
        let id = text(file, "id");
        let name = text(file, "name");
        match target {
            Target::New => {
                if self.model.files.contains_key(&id) || self.model.gone.contains(&id) {
                    self.fail("a new file has the id of another");
                }
                let renames = intent.on_conflict == OnConflict::Rename;
                self.check_name(&intent.name, &name, folder, renames);
            }
            Target::Existing(expected) => self.assert_same("the file", &id, expected),
        }
        self.assert_same("the folder", &text(file, "folder_id"), &folder.to_owned());
        self.model.commit(intent, &id, &name, folder);
        let version = u64::from(self.model.files[&id].version);
        self.assert_same("the version", &file["version"].as_u64(), &Some(version));
        let size = file["size_bytes"].as_u64();
        self.assert_same("the size", &size, &Some(intent.bytes.len() as u64));
        let path = self.model.path(folder, &name);
        self.assert_same("the path", &text(file, "path"), &path);
    }

    /// The `If-Match` of an upload: that of the file that has the name, or another.
    async fn if_match(&mut self, intent: &Intent) -> Option<String> {
        let holder = match self.model.at(&intent.path) {
            Ok(Some(folder)) => self.model.holder(&folder, &intent.name),
            Ok(None) | Err(_) => None,
        };
        match (intent.expected?, holder) {
            (true, Some(Holder::File(id))) => {
                // The pipeline changes it, too.
                self.sheaf.rest().await;
                let shown = self.client.get(&format!("/v1/files/{id}")).await;
                Some(shown.expect(200).header("etag").to_owned())
            }
            (true | false, _) => Some("\"999999\"".to_owned()),
        }
    }

    // Uploads.

    async fn put(&mut self) {
        let intent = self.intent();
        let mut query = format!(
            "/v1/files?name={}&on_conflict={}&folder=/{}",
            intent.name,
            intent.on_conflict.as_str(),
            intent.path.join("/")
        );
        if let Some(minutes) = intent.expires_in {
            query = format!("{query}&expires_in_s={}", minutes * 60);
        }
        if let Some(tag) = &intent.tag {
            query = format!("{query}&tag={tag}");
        }
        self.tell(format!("POST {query} {:?} bytes", intent.bytes.len()));
        let if_match = self.if_match(&intent).await;
        let key = self
            .coin(4)
            .then(|| format!("{}-{}", self.seed, self.steps));
        let mut headers = Vec::new();
        if let Some(tag) = &if_match {
            headers.push(("if-match", tag.as_str()));
        }
        if let Some(key) = &key {
            headers.push(("idempotency-key", key.as_str()));
        }
        let room = self.model.reserve(intent.bytes.len(), 1);
        let target = room.and_then(|()| self.model.target(&intent));
        let put = self
            .ask(Method::POST, &query, &headers, intent.bytes.to_vec())
            .await;
        let folder = self.learn_of(&intent, target.as_ref().err()).await;
        if !self.is_done(&put, target.clone().map(|_| ()), &[201]) {
            return;
        }
        let file = put.json();
        self.take_in(&intent, &target.unwrap_or(Target::New), &folder, &file);
        if key.is_some() {
            let again = self
                .ask(Method::POST, &query, &headers, intent.bytes.to_vec())
                .await;
            self.is_done(&again, Ok(()), &[201]);
            self.assert_same("the file again", &again.json()["id"], &file["id"]);
            self.assert_same("its version", &again.json()["version"], &file["version"]);
        }
    }

    /// Learns of the folders that an upload has made, which stay when it is refused after that.
    async fn learn_of(&mut self, intent: &Intent, refused: Option<&Refusal>) -> String {
        match refused {
            Some(refusal) if [QUOTA, NOT_A_FOLDER, INCOMPLETE].contains(refusal) => root(),
            Some(_) | None => self.learn(&intent.path).await,
        }
    }

    async fn begin_signed(&mut self) {
        let intent = Intent {
            expected: None,
            ..self.intent()
        };
        let mut body = json!({
            "name": intent.name, "folder": format!("/{}", intent.path.join("/")),
            "size_bytes": intent.bytes.len(), "on_conflict": intent.on_conflict.as_str(),
        });
        if let Some(minutes) = intent.expires_in {
            body["expires_in_s"] = json!(minutes * 60);
        }
        if let Some(tag) = &intent.tag {
            body["tags"] = json!([tag]);
        }
        self.tell(format!("POST /v1/uploads {body}"));
        let predicted = self.model.reserve(intent.bytes.len(), 1);
        let begun = self.post("/v1/uploads", &body).await;
        if self.is_done(&begun, predicted, &[201]) {
            let way = Way::Signed(false);
            let id = text(&begun.json(), "upload_id");
            self.model.sessions.insert(id, Session { intent, way });
        }
    }

    async fn begin_tus(&mut self) {
        let intent = Intent {
            expected: None,
            ..self.intent()
        };
        let folder = format!("/{}", intent.path.join("/"));
        let lives = intent.expires_in.map(|minutes| (minutes * 60).to_string());
        let mut pairs = vec![
            ("filename", intent.name.as_str()),
            ("folder", folder.as_str()),
            ("on_conflict", intent.on_conflict.as_str()),
        ];
        if let Some(lives) = &lives {
            pairs.push(("expires_in_s", lives));
        }
        if let Some(tag) = &intent.tag {
            pairs.push(("tags", tag));
        }
        self.tell(format!("POST /v1/tus {pairs:?} {}", intent.bytes.len()));
        let length = intent.bytes.len().to_string();
        let metadata = tus::metadata(&pairs);
        let headers = [
            ("upload-length", length.as_str()),
            ("upload-metadata", metadata.as_str()),
        ];
        let room = self.model.reserve(intent.bytes.len(), 1);
        if intent.bytes.is_empty() {
            // It is a file at once.
            let target = room.and_then(|()| self.model.target(&intent));
            let created = tus::create(&self.client, &headers, None).await;
            let folder = self.learn_of(&intent, target.as_ref().err()).await;
            if self.is_done(&created, by_tus(&target), &[201]) {
                let id = created.header("sheaf-file-id").to_owned();
                let file = self.client.file(&id).await;
                self.take_in(&intent, &target.unwrap_or(Target::New), &folder, &file);
            }
            return;
        }
        let created = tus::create(&self.client, &headers, None).await;
        if self.is_done(&created, room, &[201]) {
            let id = Upload::of(&self.client, &created).id().to_owned();
            let way = Way::Tus(0);
            self.model.sessions.insert(id, Session { intent, way });
        }
    }

    /// Goes on with an upload that is open.
    async fn go_on(&mut self) {
        let open: Vec<String> = self.model.sessions.keys().cloned().collect();
        let Some(id) = self.one_of(&open) else {
            return self.put().await;
        };
        let session = self.model.sessions[&id].clone();
        if self.coin(8) {
            return self.abort(&id, &session.way).await;
        }
        match session.way {
            Way::Signed(false) if !self.coin(6) => self.send_signed(&id, &session.intent).await,
            Way::Signed(sent) => self.complete(&id, &session.intent, sent).await,
            Way::Tus(offset) => self.append(&id, &session.intent, offset).await,
        }
    }

    async fn abort(&mut self, id: &str, way: &Way) {
        self.tell(format!("abort {id}"));
        let aborted = match way {
            Way::Signed(_) => self.delete(&format!("/v1/uploads/{id}")).await,
            Way::Tus(_) => {
                let path = format!("/v1/tus/{id}");
                tus::send(&self.client, Method::DELETE, &path, &[], None).await
            }
        };
        self.is_done(&aborted, Ok(()), &[204]);
        self.model.sessions.remove(id);
    }

    async fn send_signed(&mut self, id: &str, intent: &Intent) {
        self.tell(format!("send {id}"));
        let path = format!("/v1/uploads/{id}/parts");
        let signed = self.post(&path, &json!({"numbers": [1]})).await;
        self.is_done(&signed, Ok(()), &[200]);
        let part = &signed.json()["parts"][0];
        let sent = self.client.put_signed(part, intent.bytes.to_vec()).await;
        self.is_done(&sent, Ok(()), &[200]);
        let again = self.client.put_signed(part, intent.bytes.to_vec()).await;
        if again.status.as_u16() != 412 {
            self.fail(&format!("sent twice: {again:?}"));
        }
        if let Some(session) = self.model.sessions.get_mut(id) {
            session.way = Way::Signed(true);
        }
        // The client completes it, or S3's event does, or both.
        self.complete(id, intent, true).await;
    }

    async fn complete(&mut self, id: &str, intent: &Intent, sent: bool) {
        self.tell(format!("complete {id}: {}", intent.name));
        let target = if sent {
            self.model.target(intent)
        } else {
            Err(INCOMPLETE)
        };
        let by_event = sent && self.coin(2);
        if by_event {
            self.sheaf.rest().await;
        }
        let path = format!("/v1/uploads/{id}/complete");
        let completed = self.post(&path, &json!({})).await;
        let folder = self.learn_of(intent, target.as_ref().err()).await;
        if self.is_done(&completed, target.clone().map(|_| ()), &[201]) {
            self.model.sessions.remove(id);
            let file = completed.json();
            self.take_in(intent, &target.unwrap_or(Target::New), &folder, &file);
        }
        // An event that still comes finds the upload as it is now.
        self.sheaf.rest().await;
    }

    async fn append(&mut self, id: &str, intent: &Intent, offset: usize) {
        let left = intent.bytes.len() - offset;
        let count = if self.coin(2) {
            left
        } else {
            self.random.random_range(1..=left)
        };
        let until = offset + count;
        self.tell(format!("append to {id} {offset}..{until}: {}", intent.name));
        let path = format!("/v1/tus/{id}");
        let header = offset.to_string();
        let headers = [("upload-offset", header.as_str())];
        let bytes = intent.bytes[offset..until].to_vec();
        let is_last = until == intent.bytes.len();
        let target = self.model.target(intent);
        let sent = loop {
            let bytes = Some(bytes.clone());
            let sent = tus::send(&self.client, Method::PATCH, &path, &headers, bytes).await;
            if sent.status.as_u16() != 429 {
                break sent;
            }
        };
        if !is_last {
            self.is_done(&sent, Ok(()), &[204]);
            if let Some(session) = self.model.sessions.get_mut(id) {
                session.way = Way::Tus(until);
            }
            return;
        }
        let folder = self.learn_of(intent, target.as_ref().err()).await;
        if self.is_done(&sent, by_tus(&target), &[204]) {
            self.model.sessions.remove(id);
            let file = sent.header("sheaf-file-id").to_owned();
            let file = self.client.file(&file).await;
            self.take_in(intent, &target.unwrap_or(Target::New), &folder, &file);
        } else {
            self.abort(id, &Way::Tus(until)).await;
        }
    }

    // Files.

    async fn change_file(&mut self) {
        let id = self.file();
        let mut body = json!({});
        let name = (!self.coin(3)).then(|| self.name());
        if let Some(name) = &name {
            body["name"] = json!(name);
        }
        let into = if self.coin(3) {
            None
        } else {
            Some(self.place())
        };
        if let Some(into) = &into {
            into.write(&mut body);
        }
        let tags = self.coin(4).then(|| BTreeSet::from([self.tag()]));
        if let Some(tags) = &tags {
            body["tags"] = json!(tags);
        }
        self.tell(format!("PATCH {id} {body}"));
        let readable = self.model.readable(&id).cloned();
        let target = match (&readable, &into) {
            (Ok(_), Some(into)) => into.find(&self.model),
            (Ok(file), None) => Ok(Some(file.folder.clone())),
            (Err(refusal), _) => Err(*refusal),
        };
        let predicted = readable.clone().and_then(|file| {
            let folder = target.clone()?;
            let name = name.as_ref().unwrap_or(&file.name);
            let stays = folder.as_ref() == Some(&file.folder) && *name == file.name;
            let holder = folder.and_then(|folder| self.model.holder(&folder, name));
            if holder.is_some() && !stays && !file.trashed {
                return Err(NAME_TAKEN);
            }
            Ok(())
        });
        let changed = self.patch(&format!("/v1/files/{id}"), &body).await;
        let folder = match (&target, &into) {
            (Ok(_), Some(Place::At(path))) => Some(self.learn(path).await),
            (Ok(folder), _) => folder.clone(),
            (Err(_), _) => None,
        };
        if !self.is_done(&changed, predicted, &[200]) {
            return;
        }
        if let (Some(file), Some(folder)) = (self.model.files.get_mut(&id), folder) {
            file.folder = folder;
            file.name = name.unwrap_or_else(|| file.name.clone());
            file.tags = tags.unwrap_or_else(|| file.tags.clone());
        }
        self.check_file(&id, &changed.json());
    }

    /// Checks what an answer says of a file.
    #[track_caller]
    pub(super) fn check_file(&self, id: &str, shown: &Value) {
        let file = &self.model.files[id];
        let state = if self.model.is_trashed(file) {
            "trashed"
        } else {
            "active"
        };
        let found = (
            text(shown, "path"),
            text(shown, "state"),
            shown["version"].as_u64(),
            shown["size_bytes"].as_u64(),
        );
        let expected = (
            self.model.path(&file.folder, &file.name),
            state.to_owned(),
            Some(u64::from(file.version)),
            Some(file.bytes().len() as u64),
        );
        self.assert_same(&format!("file {id}"), &found, &expected);
        let tags: BTreeSet<String> = shown["tags"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tag| tag.as_str().unwrap_or_default().to_owned())
            .collect();
        self.assert_same("its tags", &tags, &file.tags);
    }

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

    async fn copy(&mut self) {
        let id = self.file();
        let mut body = json!({});
        let name = self.coin(2).then(|| self.name());
        if let Some(name) = &name {
            body["name"] = json!(name);
        }
        let into = self.coin(2).then(|| self.place());
        if let Some(into) = &into {
            into.write(&mut body);
        }
        let renames = self.coin(2);
        if renames {
            body["on_conflict"] = json!("rename");
        }
        let readable = self.model.readable(&id).cloned();
        let mut version = None;
        if let Ok(file) = &readable
            && self.coin(3)
        {
            version = Some(self.random.random_range(1..=file.version));
            body["version"] = json!(version);
        }
        self.tell(format!("copy {id} {body}"));
        let target = match (&readable, &into) {
            (Ok(_), Some(into)) => into.find(&self.model),
            (Ok(file), None) => Ok(Some(file.folder.clone())),
            (Err(refusal), _) => Err(*refusal),
        };
        let key = self
            .coin(4)
            .then(|| format!("{}-{}", self.seed, self.steps));
        let mut headers = vec![("content-type", "application/json")];
        if let Some(key) = &key {
            headers.push(("idempotency-key", key.as_str()));
        }
        let predicted = readable.clone().and_then(|file| {
            let folder = target.clone()?;
            if self.model.is_trashed(&file) {
                return Err(IN_TRASH);
            }
            let number = version.unwrap_or(file.version);
            let bytes = file.versions.get(&number).ok_or(NOT_FOUND)?;
            let name = name.as_ref().unwrap_or(&file.name);
            let holder = folder.and_then(|folder| self.model.holder(&folder, name));
            if holder.is_some() && !renames {
                return Err(NAME_TAKEN);
            }
            self.model.reserve(bytes.len(), 1)
        });
        let path = format!("/v1/files/{id}/copy");
        let sent = body.to_string().into_bytes();
        let copied = self.ask(Method::POST, &path, &headers, sent.clone()).await;
        let folder = match (&target, &into) {
            (Ok(_), Some(Place::At(path))) => Some(self.learn(path).await),
            (Ok(folder), _) => folder.clone(),
            (Err(_), _) => None,
        };
        if !self.is_done(&copied, predicted, &[201]) {
            return;
        }
        let shown = copied.json();
        let (Ok(file), Some(folder)) = (readable, folder) else {
            self.fail("copied from nowhere");
        };
        let asked = name.as_ref().unwrap_or(&file.name);
        let given = text(&shown, "name");
        self.check_name(asked, &given, &folder, renames);
        let number = version.unwrap_or(file.version);
        let copy = super::expected::File {
            name: given,
            folder,
            version: 1,
            versions: [(1, Rc::clone(&file.versions[&number]))].into(),
            ..file
        };
        let copy_id = text(&shown, "id");
        self.model.files.insert(copy_id.clone(), copy);
        self.check_file(&copy_id, &shown);
        if key.is_some() {
            let again = self.ask(Method::POST, &path, &headers, sent).await;
            self.is_done(&again, Ok(()), &[201]);
            self.assert_same("the copy again", &text(&again.json(), "id"), &copy_id);
        }
    }

    async fn trash_or_erase(&mut self) {
        let id = self.file();
        let permanent = self.coin(2);
        self.tell(format!("DELETE {id} permanent={permanent}"));
        let path = format!("/v1/files/{id}?permanent={permanent}");
        let answer = self.delete(&path).await;
        if permanent {
            // What has expired can still be deleted, and what is gone answers with its receipt.
            let known = self.model.files.contains_key(&id) || self.model.gone.contains(&id);
            let predicted = if known { Ok(()) } else { Err(NOT_FOUND) };
            if self.is_done(&answer, predicted, &[200]) {
                self.assert_same("the receipt", &text(&answer.json(), "file_id"), &id);
                self.model.erase(&id);
            }
            return;
        }
        let predicted = self.model.readable(&id).map(|_| ());
        if self.is_done(&answer, predicted, &[200]) {
            let in_folder = self.model.is_in_trash(&self.model.files[&id].folder);
            if let Some(file) = self.model.files.get_mut(&id) {
                file.trashed |= !in_folder;
            }
            self.check_file(&id, &answer.json());
        }
    }

    async fn restore(&mut self) {
        let trashed = self.model.files.iter();
        let trashed = trashed.filter(|(_, file)| self.model.is_trashed(file));
        let trashed: Vec<String> = trashed.map(|(id, _)| id.clone()).collect();
        let id = match self.one_of(&trashed) {
            Some(id) if !self.coin(6) => id,
            Some(_) | None => self.file(),
        };
        let renames = self.coin(2);
        self.tell(format!("restore {id} {renames}"));
        let conflict = if renames { "rename" } else { "fail" };
        let path = format!("/v1/files/{id}/restore?on_conflict={conflict}");
        let readable = self.model.readable(&id).cloned();
        let predicted = readable.clone().and_then(|file| {
            if !self.model.is_trashed(&file) {
                return Ok(());
            }
            let target = self.model.nearest_active(&file.folder);
            match self.model.holder(&target, &file.name) {
                Some(_) if !renames => Err(NAME_TAKEN),
                Some(_) | None => Ok(()),
            }
        });
        let restored = self.ask(Method::POST, &path, &[], Vec::new()).await;
        if !self.is_done(&restored, predicted, &[200]) {
            return;
        }
        let shown = restored.json();
        if let Ok(file) = readable
            && self.model.is_trashed(&file)
        {
            let target = self.model.nearest_active(&file.folder);
            let given = text(&shown, "name");
            self.check_name(&file.name, &given, &target, renames);
            let file = super::expected::File {
                name: given,
                folder: target,
                trashed: false,
                ..file
            };
            self.model.files.insert(id.clone(), file);
        }
        self.check_file(&id, &shown);
    }

    async fn restore_version(&mut self) {
        let id = self.file();
        let readable = self.model.readable(&id).cloned();
        let last = readable.as_ref().map_or(1, |file| file.version);
        let number = self.random.random_range(1..=last);
        self.tell(format!("restore version {number} of {id}"));
        // Which bytes are the same is known once they were read.
        self.sheaf.rest().await;
        let predicted = readable.clone().and_then(|file| {
            let bytes = file.versions.get(&number).ok_or(NOT_FOUND)?;
            if bytes == file.bytes() {
                return Ok(());
            }
            self.model.reserve(bytes.len(), 0)
        });
        let path = format!("/v1/files/{id}/versions/{number}/restore");
        let restored = self.ask(Method::POST, &path, &[], Vec::new()).await;
        if !self.is_done(&restored, predicted, &[200]) {
            return;
        }
        if let Some(file) = self.model.files.get_mut(&id) {
            let bytes = Rc::clone(&file.versions[&number]);
            if bytes != *file.bytes() {
                file.version += 1;
                file.versions.insert(file.version, bytes);
            }
        }
        self.check_file(&id, &restored.json());
    }

    async fn remove_versions(&mut self) {
        let id = self.file();
        let readable = self.model.readable(&id).cloned();
        let number = self.random.random_range(1..4);
        if self.coin(2) {
            self.tell(format!("DELETE version {number} of {id}"));
            let predicted = readable.and_then(|file| match file.versions.get(&number) {
                Some(_) if number == file.version => Err(CURRENT_VERSION),
                Some(_) => Ok(()),
                None => Err(NOT_FOUND),
            });
            let path = format!("/v1/files/{id}/versions/{number}");
            let removed = self.delete(&path).await;
            if self.is_done(&removed, predicted, &[200])
                && let Some(file) = self.model.files.get_mut(&id)
            {
                file.versions.remove(&number);
            }
            return;
        }
        self.tell(format!("prune {id} to {number}"));
        let path = format!("/v1/files/{id}/versions/prune");
        let pruned = self.post(&path, &json!({"keep": number})).await;
        if !self.is_done(&pruned, readable.map(|_| ()), &[200]) {
            return;
        }
        let mut removed = 0;
        let kept = number as usize;
        if let Some(file) = self.model.files.get_mut(&id) {
            while file.versions.len() > kept {
                file.versions.pop_first();
                removed += 1;
            }
        }
        let receipt = &pruned.json()["receipt"];
        let found = receipt["versions"].as_array().map_or(0, Vec::len);
        self.assert_same("pruned", &found, &removed);
    }

    // Folders.

    async fn make_folder(&mut self) {
        let path = self.folder_path();
        if path.is_empty() {
            return;
        }
        let at = self.model.at(&path);
        let joined = format!("/{}", path.join("/"));
        self.tell(format!("make {joined}"));
        let made = self.post("/v1/folders", &json!({ "path": joined })).await;
        let status = if matches!(at, Ok(Some(_))) { 200 } else { 201 };
        // Of a path that ends at a file, that the file has the name is found first.
        if self.is_done(&made, at.map(|_| ()), &[status]) {
            let id = self.learn(&path).await;
            self.assert_same("the folder", &text(&made.json(), "id"), &id);
        }
    }

    async fn change_folder(&mut self) {
        let id = self.folder();
        let mut body = json!({});
        let name = (!self.coin(3)).then(|| self.folder_name());
        if let Some(name) = &name {
            body["name"] = json!(name);
        }
        let into = (!self.coin(3)).then(|| self.place());
        if let Some(into) = &into {
            into.write(&mut body);
        }
        let reachable = self.model.reachable(&id).cloned();
        if let (Ok(_), Some(into)) = (&reachable, &into)
            && self.depth_below(into) + self.model.height(&id) > DEEPEST
        {
            return;
        }
        self.tell(format!("PATCH folder {id} {body}"));
        let own = reachable.as_ref().map_or_else(
            |_| Vec::new(),
            |folder| self.model.segments(&folder.parent, &folder.name),
        );
        let target = match (&reachable, &into) {
            (Err(refusal), _) => Err(*refusal),
            (Ok(_), Some(Place::At(path))) if path.starts_with(&own) => Err(BELOW_ITSELF),
            (Ok(_), Some(into)) => into.find(&self.model),
            (Ok(folder), None) => Ok(Some(folder.parent.clone())),
        };
        let predicted = reachable.clone().and_then(|folder| {
            let parent = target.clone()?;
            if self.model.is_in_trash(&id) {
                return Err(IN_TRASH);
            }
            let name = name.as_ref().unwrap_or(&folder.name);
            if parent.as_ref() == Some(&folder.parent) && *name == folder.name {
                return Ok(());
            }
            let Some(parent) = parent else { return Ok(()) };
            if self.model.is_above(&id, &parent) {
                return Err(BELOW_ITSELF);
            }
            match self.model.holder(&parent, name) {
                Some(_) => Err(NAME_TAKEN),
                None => Ok(()),
            }
        });
        let changed = self.patch(&format!("/v1/folders/{id}"), &body).await;
        let parent = match (&target, &into) {
            (Ok(_), Some(Place::At(path))) => Some(self.learn(path).await),
            (Ok(parent), _) => parent.clone(),
            (Err(_), _) => None,
        };
        if self.is_done(&changed, predicted, &[200])
            && let (Some(folder), Some(parent)) = (self.model.folders.get_mut(&id), parent)
        {
            folder.parent = parent;
            folder.name = name.unwrap_or_else(|| folder.name.clone());
        }
    }

    fn depth_below(&self, into: &Place) -> usize {
        match into {
            Place::At(path) => path.len(),
            Place::In(id) => self.model.upwards(id).len(),
        }
    }

    async fn trash_or_remove_folder(&mut self) {
        let id = self.folder();
        let permanent = self.coin(2);
        let mut files = self.model.files.values();
        if permanent && files.any(|file| self.model.is_expired(file)) {
            // A file that has expired may have lost its name to another: then the job waits for the sweep.
            self.sweep().await;
        }
        self.tell(format!("DELETE folder {id} permanent={permanent}"));
        let path = format!("/v1/folders/{id}?permanent={permanent}");
        let answer = self.delete(&path).await;
        let reachable = self.model.reachable(&id).cloned();
        let predicted = match &reachable {
            // One that was deleted stays so.
            Err(refusal) if *refusal == GONE && permanent => Ok(()),
            reachable => reachable.clone().map(|_| ()),
        };
        if !self.is_done(&answer, predicted, &[200, 202]) || reachable.is_err() {
            return;
        }
        if permanent {
            self.sheaf.rest().await;
            self.model.remove_folder(&id);
            let looked = self.client.get(&format!("/v1/folders/{id}")).await;
            self.is_done(&looked, Err(GONE), &[]);
            let job = text(&answer.json()["job"], "id");
            let job = self.client.get(&format!("/v1/jobs/{job}")).await;
            self.assert_same("the job", &text(&job.json(), "state"), &"done".to_owned());
        } else if !self.model.is_in_trash(&id)
            && let Some(folder) = self.model.folders.get_mut(&id)
        {
            folder.state = State::Trashed;
        }
    }

    async fn restore_folder(&mut self) {
        let trashed = self.model.folders.iter();
        let trashed = trashed.filter(|(_, folder)| folder.state == State::Trashed);
        let trashed: Vec<String> = trashed.map(|(id, _)| id.clone()).collect();
        let id = match self.one_of(&trashed) {
            Some(id) if !self.coin(4) => id,
            Some(_) | None => self.folder(),
        };
        let renames = self.coin(2);
        self.tell(format!("restore folder {id} {renames}"));
        let conflict = if renames { "rename" } else { "fail" };
        let reachable = self.model.reachable(&id).cloned();
        let comes_out = reachable.is_ok() && self.model.is_in_trash(&id);
        let predicted = reachable.clone().and_then(|folder| {
            let target = self.model.nearest_active(&folder.parent);
            match self.model.holder(&target, &folder.name) {
                Some(_) if comes_out && !renames => Err(NAME_TAKEN),
                Some(_) | None => Ok(()),
            }
        });
        let path = format!("/v1/folders/{id}/restore?on_conflict={conflict}");
        let restored = self.ask(Method::POST, &path, &[], Vec::new()).await;
        if !self.is_done(&restored, predicted, &[200, 202]) || !comes_out {
            return;
        }
        if let Ok(folder) = reachable {
            let target = self.model.nearest_active(&folder.parent);
            let given = text(&restored.json()["folder"], "name");
            self.check_name(&folder.name, &given, &target, renames);
            let folder = Folder {
                name: given,
                parent: target,
                state: State::Active,
            };
            self.model.folders.insert(id, folder);
        }
    }

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

/// What tus says of an upload that found no place: there, 409 is for an offset.
fn by_tus(target: &Result<Target, Refusal>) -> Result<(), Refusal> {
    match target {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.status == 409 => Err(Refusal {
            status: 422,
            ..*refusal
        }),
        Err(refusal) => Err(*refusal),
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
