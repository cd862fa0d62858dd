//! Changes of folders.

use super::super::expected::{BELOW_ITSELF, Folder, GONE, IN_TRASH, NAME_TAKEN, State};
use super::{DEEPEST, Place, Run, text};
use http::Method;
use serde_json::json;

impl Run {
    pub(super) async fn make_folder(&mut self) {
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

    pub(super) async fn change_folder(&mut self) {
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

    pub(super) fn depth_below(&self, into: &Place) -> usize {
        match into {
            Place::At(path) => path.len(),
            Place::In(id) => self.model.upwards(id).len(),
        }
    }

    pub(super) async fn trash_or_remove_folder(&mut self) {
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
            folder.state = State::Trashed(self.model.now);
        }
    }

    pub(super) async fn restore_folder(&mut self) {
        let trashed = self.model.folders.iter();
        let trashed = trashed.filter(|(_, folder)| matches!(folder.state, State::Trashed(_)));
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
}
