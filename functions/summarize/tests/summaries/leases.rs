//! The right to write a summary ends with the run of the process that has it, where nobody else can.

use std::sync::atomic::Ordering;

use domain::dossier::DossierStatus;
use domain::summary::{PIPELINE_VERSION, SummaryKey};
use domain::{Sha256, WorkspaceId};
use runtime::ids::Ids;
use serde_json::json;
use store::Store;
use store::lease::{Holders, Run};
use store::summary::Claimed;
use testkit::Sheaf;

use crate::fake::Fake;

const TEXT: &str = "Electricity bill\nDate: 2024-09-05\nTotal due: $100.25\n";

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

/// The summary that [`Fake`] writes of [`TEXT`].
fn summary_key() -> SummaryKey {
    SummaryKey {
        content: Sha256::of(TEXT.as_bytes()),
        pipeline_version: PIPELINE_VERSION,
        prompt_version: "fake-1".to_owned(),
        model: "fake".to_owned(),
    }
}

/// The store as the next start of the process has it, or another process of a deployment.
fn store_of(sheaf: &Sheaf, holders: Holders) -> Store {
    let mut store = sheaf.store().clone();
    store.holders = holders;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_claims_a_summary_that_a_killed_one_was_writing() {
    let (sheaf, model) = Fake::new().documents_closed().start().await;
    let client = sheaf.admin();
    let file = client.put("name=bill.txt", TEXT).await;
    Fake::called(&model.documents, 1).await;
    let claim = async |holders| {
        let store = store_of(&sheaf, holders);
        store
            .claim_summary(&workspace(), summary_key())
            .await
            .unwrap()
    };

    let same_run = claim(sheaf.store().holders).await;
    let other_process = claim(Holders::Many).await;
    let next_run = claim(Holders::One(Run::new(Ids))).await;

    assert!(matches!(same_run, Claimed::Taken));
    assert!(matches!(other_process, Claimed::Taken));
    let Claimed::Yours(claim) = next_run else {
        panic!("{next_run:?}");
    };
    // The run that lost its claim commits nothing; once it is free again, it writes as usual.
    model.open();
    sheaf
        .store()
        .release_summary(&workspace(), &claim)
        .await
        .unwrap();
    sheaf.rest().await;
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(model.documents.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_claims_a_dossier_that_a_killed_one_was_writing() {
    let (sheaf, model) = Fake::new().dossiers_closed().start().await;
    let client = sheaf.admin();
    client
        .put("name=bill.txt&type=bill&tag=electricity", TEXT)
        .await;
    sheaf.rest().await;
    let asked = json!({"type": "bill", "tags": ["electricity"]});
    let dossier = client.post("/v1/dossiers", &asked).await.expect(202).json();
    let id = dossier["id"].as_str().unwrap().parse().unwrap();
    Fake::called(&model.dossiers, 1).await;
    let claim = async |holders| {
        let store = store_of(&sheaf, holders);
        let dossier = store.dossier(&workspace(), id).await.unwrap().dossier;
        let is_held = dossier
            .lease
            .is_some_and(|lease| lease.until > store.clock.now());
        let claimed = store.claim_dossier(&workspace(), &dossier).await.unwrap();
        (is_held, claimed)
    };

    assert_eq!(claim(sheaf.store().holders).await, (true, None));
    assert_eq!(claim(Holders::Many).await, (true, None));
    let (is_held, next_run) = claim(Holders::One(Run::new(Ids))).await;

    assert!(!is_held);
    let Some(lease) = next_run else {
        panic!("the lease of a run that is over holds up the next");
    };
    model.open();
    sheaf
        .store()
        .release_dossier(&workspace(), id, lease)
        .await
        .unwrap();
    sheaf.rest().await;
    let kept = sheaf.store().dossier(&workspace(), id).await.unwrap();
    let status = kept.dossier.status(sheaf.store().clock.now());
    assert_eq!(status, DossierStatus::Generated);
}
