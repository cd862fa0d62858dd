//! Filling a dossier with the files that were there before it.

use domain::dossier::Signature;
use domain::file::File;
use domain::message::Work;
use futures::future::join_all;
use ingest::State;
use testkit::Stack;

use crate::{commit, give, give_until_done, is_open, placing, reading, state, workspace};

/// Files of two pages.
const FILES: usize = 130;

fn signature() -> Signature {
    Signature::new("bill".parse().unwrap(), ["march".parse().unwrap()]).unwrap()
}

/// Stores files that match the dossier and takes them through the pipeline, as far as it goes here.
async fn place_files(state: &State, count: usize) -> Vec<File> {
    let mut files = Vec::new();
    for number in 0..count {
        let file = commit(&state.store, &format!("{number}.bin"), &[0; 100], None).await;
        give_until_done(state, &reading(&file)).await;
        give_until_done(state, &placing(&file)).await;
        files.push(file);
    }
    files
}

async fn define(state: &State) -> Work {
    let defined = state.store.define_dossier(&workspace(), &signature()).await;
    defined.unwrap().unwrap()
}

/// How many files are in the dossier, by its own count and by its members, and whether it is filled.
async fn filled(state: &State) -> (u64, usize, bool) {
    let id = signature().dossier_id(&workspace());
    let kept = state.store.dossier(&workspace(), id).await.unwrap();
    let members = state.store.all_members(&workspace(), id).await.unwrap();
    (kept.dossier.document_count, members.len(), kept.filled)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_of_very_many_files_is_filled_over_several_runs() {
    let stack = Stack::start().await;
    let mut state = state(&stack);
    state.fill_pages = 1;
    place_files(&state, FILES).await;
    let filling = define(&state).await;

    assert!(give(&state, &filling).await);
    assert_eq!(filled(&state).await, (100, 100, false));
    // Two workers at once, each with the same message.
    while is_open(&state.store, &filling).await {
        assert_eq!(
            tokio::join!(give(&state, &filling), give(&state, &filling)),
            (true, true)
        );
    }

    assert_eq!(filled(&state).await, (FILES as u64, FILES, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_a_dossier_is_filled_does_not_hold_it_up() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let files = place_files(&state, 20).await;
    let filling = define(&state).await;
    let store = &state.store;
    let changing = files.iter().map(|file| async {
        for _ in 0..3 {
            let mut file = store.file(&workspace(), file.id).await.unwrap();
            file.favorite = !file.favorite;
            store.save_file(&workspace(), &mut file).await.unwrap();
        }
    });

    let (done, _) = tokio::join!(give(&state, &filling), join_all(changing));

    assert!(done);
    assert_eq!(filled(&state).await, (20, 20, true));
}
