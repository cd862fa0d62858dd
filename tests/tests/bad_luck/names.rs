//! Names that very many want: each gets one of its own.

use std::collections::HashSet;

use domain::name::FileName;
use domain::{FileId, FolderId};
use futures::future::join_all;
use store::keys::Key;
use store::name::NameItem;
use store::table::{Write, to_row};
use testkit::Sheaf;
use uuid::Uuid;

use crate::{files, start, workspace};

const RACERS: usize = 64;

/// More than any number of forms that could be looked at one after the other.
const TAKEN: u32 = 1_200;

/// Rows of a transaction.
const AT_ONCE: usize = 100;

/// Takes a name and its numbered forms up to [`TAKEN`], but for those that are left free.
async fn take(sheaf: &Sheaf, name: &FileName, free: &[u32]) {
    let claim = |name: FileName| {
        let item = NameItem {
            name: name.clone(),
            file: Some(FileId::new(Uuid::new_v4())),
            folder: None,
            free_at_us: None,
        };
        let key = Key::name(&workspace(), FolderId::ROOT, &name);
        Write::create(to_row(key, &item).unwrap())
    };
    let numbered = (2..=TAKEN)
        .filter(|number| !free.contains(number))
        .map(|number| claim(name.numbered(number)));
    let claims: Vec<Write> = std::iter::once(claim(name.clone()))
        .chain(numbered)
        .collect();
    for claims in claims.chunks(AT_ONCE) {
        sheaf.store().table.transact(claims.to_vec()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_one_name_at_once_each_get_a_form_of_it() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();

    let uploads = (0..RACERS).map(|number| {
        client.upload(
            "name=report.md&on_conflict=rename",
            format!("report {number}"),
        )
    });
    let mut names = HashSet::new();
    for answer in join_all(uploads).await {
        let file = answer.expect(201).json();
        names.insert(file["name"].as_str().unwrap().to_owned());
    }

    assert_eq!(names.len(), RACERS);
    assert!(names.contains("report.md"), "{names:?}");
    assert_eq!(files(&client).await.len(), RACERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_which_more_than_a_thousand_forms_are_taken_still_finds_the_next() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    take(&sheaf, &"report.md".parse().unwrap(), &[]).await;

    for number in TAKEN + 1..TAKEN + 4 {
        let file = client
            .put("name=report.md&on_conflict=rename", "report")
            .await;
        assert_eq!(file["name"], format!("report ({number}).md"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_free_again_may_be_given_and_one_that_is_taken_never_is() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let free = [300, 301, 302, 900];
    take(&sheaf, &"report.md".parse().unwrap(), &free).await;

    let mut given = HashSet::new();
    for _ in 0..8 {
        let file = client
            .put("name=report.md&on_conflict=rename", "report")
            .await;
        given.insert(file["name"].as_str().unwrap().to_owned());
    }

    assert_eq!(given.len(), 8, "{given:?}");
}
