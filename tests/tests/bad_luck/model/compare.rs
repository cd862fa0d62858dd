//! Everything that the API tells of a workspace, beside the model.

use std::collections::{BTreeMap, BTreeSet};

use domain::Sha256;
use rand::Rng;
use serde_json::Value;

use super::expected::{State, root};
use super::run::Run;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything that is listed, and the bytes of some files.
    Lists,
    /// Also the bytes of every version.
    All,
}

impl Run {
    /// Compares what the API tells with what is expected, once the pipeline is at rest.
    pub(super) async fn compare(&mut self, depth: Depth) {
        self.sheaf.rest().await;
        self.compare_usage().await;
        self.compare_lists().await;
        self.compare_folders().await;
        self.compare_versions(depth).await;
        self.compare_what_is_gone().await;
    }

    async fn compare_usage(&self) {
        let usage = self.client.get("/v1/usage").await.expect(200).json();
        let found = (usage["used_files"].as_u64(), usage["used_bytes"].as_u64());
        let expected = (Some(self.model.used_files()), Some(self.model.used_bytes()));
        self.assert_same("the usage", &found, &expected);
    }

    /// All pages of a list, by id.
    async fn listed(&self, list: &str) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let mut path = list.to_owned();
        loop {
            let page = self.client.get(&path).await.expect(200).json();
            for item in page["items"].as_array().into_iter().flatten() {
                let id = item["id"].as_str().unwrap_or_default().to_owned();
                if all.insert(id.clone(), item.clone()).is_some() {
                    self.fail(&format!("{list} has {id} twice"));
                }
            }
            let Some(cursor) = page["next_cursor"].as_str() else {
                return all;
            };
            path = format!("{list}&cursor={cursor}");
        }
    }

    async fn compare_lists(&self) {
        let living = self.model.files.iter();
        let living = living.filter(|(_, file)| !self.model.is_expired(file));
        let (trashed, active): (Vec<_>, Vec<_>) =
            living.partition(|(_, file)| self.model.is_trashed(file));
        let ids = |files: &[(&String, &super::expected::File)]| -> BTreeSet<String> {
            files.iter().map(|(id, _)| (*id).clone()).collect()
        };
        let (active, trashed) = (ids(&active), ids(&trashed));
        for (list, expected) in [
            ("/v1/files?limit=20", &active),
            ("/v1/files?folder=/&recursive=true&limit=20", &active),
            ("/v1/files?state=trashed&limit=20", &trashed),
        ] {
            let listed = self.listed(list).await;
            let found: BTreeSet<String> = listed.keys().cloned().collect();
            self.assert_same(list, &found, expected);
            for (id, shown) in &listed {
                self.check_file(id, shown);
                let hash = Sha256::of(self.model.files[id].bytes()).to_string();
                self.assert_same("its hash", &shown["sha256"].as_str(), &Some(hash.as_str()));
            }
        }
        for tag in ["one", "two"] {
            let tagged = active.iter();
            let tagged = tagged.filter(|id| self.model.files[*id].tags.contains(tag));
            let expected: BTreeSet<String> = tagged.cloned().collect();
            let found = self.listed(&format!("/v1/files?limit=100&tag={tag}")).await;
            let found: BTreeSet<String> = found.into_keys().collect();
            self.assert_same("files with a tag", &found, &expected);
        }
    }

    async fn compare_folders(&self) {
        let there = self.model.folders.iter();
        let there = there.filter(|(_, folder)| folder.state != State::Removed);
        let all = there.map(|(id, _)| id.clone()).chain([root()]);
        for id in all {
            let path = format!("/v1/folders/{id}");
            let shown = self.client.get(&path).await.expect(200).json();
            let inside = self.model.files.values();
            let inside: Vec<_> = inside
                .filter(|file| file.folder == id && file.trashed_at.is_none())
                .collect();
            let children: BTreeMap<String, String> = self
                .model
                .children(&id)
                .map(|(id, child)| (id.clone(), child.name.clone()))
                .collect();
            let bytes: usize = inside.iter().map(|file| file.bytes().len()).sum();
            let found = ["file_count", "folder_count", "size_bytes"];
            let found = found.map(|field| shown[field].as_u64());
            let expected = [inside.len(), children.len(), bytes].map(|count| Some(count as u64));
            self.assert_same(&format!("counters of {id}"), &found, &expected);
            let listed = format!("/v1/folders?limit=20&parent_id={id}");
            let listed = self.listed(&listed).await.into_iter();
            let name = |child: Value| child["name"].as_str().unwrap_or_default().to_owned();
            let listed = listed.map(|(id, child)| (id, name(child)));
            let listed: BTreeMap<String, String> = listed.collect();
            self.assert_same(&format!("folders in {id}"), &listed, &children);
            if let Some(folder) = self.model.folders.get(&id) {
                let expected = self.model.path(&folder.parent, &folder.name);
                self.assert_same("its path", &shown["path"].as_str(), &Some(&*expected));
                let trashed = self.model.is_in_trash(&id);
                let state = if trashed { "trashed" } else { "active" };
                self.assert_same("its state", &shown["state"].as_str(), &Some(state));
            }
        }
        let trashed = self.model.folders.iter();
        let trashed = trashed.filter(|(_, folder)| matches!(folder.state, State::Trashed(_)));
        let trashed: BTreeSet<String> = trashed.map(|(id, _)| id.clone()).collect();
        let found = self.listed("/v1/folders?state=trashed&limit=20").await;
        let found: BTreeSet<String> = found.into_keys().collect();
        self.assert_same("folders in the trash", &found, &trashed);
    }

    async fn compare_versions(&mut self, depth: Depth) {
        let ids: Vec<String> = self.model.files.keys().cloned().collect();
        for id in ids {
            if depth == Depth::Lists && self.random.random_range(0..4) != 0 {
                continue;
            }
            let file = self.model.files[&id].clone();
            let path = format!("/v1/files/{id}");
            if self.model.is_expired(&file) {
                for path in [path.clone(), path.clone() + "/content", path + "/versions"] {
                    self.client.get(&path).await.expect(410);
                }
                continue;
            }
            let versions = self
                .client
                .get(&(path.clone() + "/versions?limit=100"))
                .await;
            let versions = versions.expect(200).json();
            let listed = versions["items"].as_array().into_iter().flatten();
            let found: Vec<Option<u64>> = listed.map(|item| item["version"].as_u64()).collect();
            let expected = file.versions.keys().rev();
            let expected: Vec<_> = expected.map(|number| Some(u64::from(*number))).collect();
            self.assert_same("its versions", &found, &expected);
            for (number, bytes) in &file.versions {
                if depth == Depth::Lists && *number != file.version {
                    continue;
                }
                let redirect = format!("{path}/content?version={number}");
                let redirect = self.client.get(&redirect).await.expect(302);
                let fetched = self.client.fetch(redirect.header("location")).await;
                let fetched = fetched.expect(200).body;
                self.assert_same("its bytes", &&fetched[..], &&bytes[..]);
            }
        }
    }

    async fn compare_what_is_gone(&mut self) {
        let gone: Vec<String> = self.model.gone.iter().cloned().collect();
        for _ in 0..5.min(gone.len()) {
            let id = &gone[self.random.random_range(0..gone.len())];
            self.client
                .get(&format!("/v1/files/{id}"))
                .await
                .expect(410);
        }
        for (id, folder) in &self.model.folders {
            if folder.state == State::Removed {
                self.client
                    .get(&format!("/v1/folders/{id}"))
                    .await
                    .expect(410);
            }
        }
    }
}
