//! Changes of files and their versions.

use super::super::expected::{CURRENT_VERSION, IN_TRASH, NAME_TAKEN, NOT_FOUND};
use super::{Place, Run, text};
use http::Method;
use rand::Rng as _;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::rc::Rc;

impl Run {
    pub(super) async fn change_file(&mut self) {
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
            if holder.is_some() && !stays && file.trashed_at.is_none() {
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
    pub(in super::super) fn check_file(&self, id: &str, shown: &Value) {
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

    pub(super) async fn copy(&mut self) {
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
        let copy = super::super::expected::File {
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

    pub(super) async fn trash_or_erase(&mut self) {
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
            let now = self.model.now;
            if let Some(file) = self.model.files.get_mut(&id)
                && !in_folder
            {
                file.trashed_at.get_or_insert(now);
            }
            self.check_file(&id, &answer.json());
        }
    }

    pub(super) async fn restore(&mut self) {
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
            let file = super::super::expected::File {
                name: given,
                folder: target,
                trashed_at: None,
                ..file
            };
            self.model.files.insert(id.clone(), file);
        }
        self.check_file(&id, &shown);
    }

    pub(super) async fn restore_version(&mut self) {
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

    pub(super) async fn remove_versions(&mut self) {
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
}
