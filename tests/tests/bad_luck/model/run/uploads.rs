//! Uploads at once, by signed URLs and by tus, each into a file or a version of one.

use super::super::expected::{
    Holder, INCOMPLETE, Intent, NOT_A_FOLDER, OnConflict, QUOTA, Refusal, Session, Target, Way,
    root,
};
use super::{MINUTES, Run, text};
use e2e::tus;
use e2e::tus::Upload;
use http::Method;
use rand::Rng as _;
use serde_json::Value;
use serde_json::json;

impl Run {
    pub(super) fn intent(&mut self) -> Intent {
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

    pub(super) fn lifetime(&mut self) -> u64 {
        self.random.random_range(0..6) * MINUTES + MINUTES / 2
    }

    /// Learns of a file that an upload became.
    #[track_caller]
    pub(super) fn take_in(&mut self, intent: &Intent, target: &Target, folder: &str, file: &Value) {
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
    pub(super) async fn if_match(&mut self, intent: &Intent) -> Option<String> {
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

    pub(super) async fn put(&mut self) {
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
    pub(super) async fn learn_of(&mut self, intent: &Intent, refused: Option<&Refusal>) -> String {
        match refused {
            Some(refusal) if [QUOTA, NOT_A_FOLDER, INCOMPLETE].contains(refusal) => root(),
            Some(_) | None => self.learn(&intent.path).await,
        }
    }

    pub(super) async fn begin_signed(&mut self) {
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

    pub(super) async fn begin_tus(&mut self) {
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
    pub(super) async fn go_on(&mut self) {
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

    pub(super) async fn abort(&mut self, id: &str, way: &Way) {
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

    pub(super) async fn send_signed(&mut self, id: &str, intent: &Intent) {
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

    pub(super) async fn complete(&mut self, id: &str, intent: &Intent, sent: bool) {
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

    pub(super) async fn append(&mut self, id: &str, intent: &Intent, offset: usize) {
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
