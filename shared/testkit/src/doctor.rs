//! Checks of a workspace, for tests that break things or stop them half-way.

use std::time::{Duration, Instant};

use domain::JobId;
use domain::message::Task;
use domain::principal::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::work::work_of;

use crate::sheaf::Sheaf;

/// Longest wait for a check. Far above what it takes.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is younger is not looked at by a check.
const AGE: SignedDuration = SignedDuration::from_hours(2);

/// Checks a workspace as `sheaf doctor` does, and returns the job as it ended and what it found.
pub async fn run_doctor(sheaf: &Sheaf, workspace: &str, dry_run: bool) -> (Value, Vec<Value>) {
    let client = sheaf.client(workspace, Role::Admin);
    let asked = client
        .post("/v1/checks", &json!({"dry_run": dry_run}))
        .await;
    let asked = asked.expect(202).json();
    let id = asked["id"].as_str().expect("an id").to_owned();
    let deadline = Instant::now() + PATIENCE;
    let job = loop {
        if !sheaf.works() {
            work_on(sheaf, workspace, &id).await;
        }
        let job = client
            .get(&format!("/v1/jobs/{id}"))
            .await
            .expect(200)
            .json();
        if job["state"] != "running" {
            break job;
        }
        assert!(Instant::now() < deadline, "the check does not end: {job}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut findings = Vec::new();
    let mut cursor = String::new();
    loop {
        let route = format!("/v1/checks/{id}/findings?limit=100{cursor}");
        let page = client.get(&route).await.expect(200).json();
        findings.extend(page["items"].as_array().expect("findings").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (job, findings),
        }
    }
}

/// Does the work of a job whose queue nobody works on.
async fn work_on(sheaf: &Sheaf, workspace: &str, id: &str) {
    let store = sheaf.store();
    let workspace = workspace.parse().expect("a workspace");
    let job: JobId = id.parse().expect("the id of a job");
    let work = work_of(&workspace, Task::RunJob { job });
    let item = store.work(&workspace, work.id).await.expect("a row");
    if let Some(item) = item {
        store
            .run_job(&item, job, 100, media::accept)
            .await
            .expect("steps of a job");
    }
}

/// Checks that nothing is wrong in a workspace after one sweep. Call it when nothing goes on there.
///
/// Moves the time ahead by two hours, because what is younger is not looked at: what expires by then is
/// removed by the sweep.
pub async fn assert_doctor_clean(sheaf: &Sheaf, workspace: &str) {
    sheaf.advance(AGE);
    sheaf.sweep().await;
    if sheaf.works() {
        sheaf.rest().await;
    }
    let (job, findings) = run_doctor(sheaf, workspace, true).await;
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(job["state"], "done", "{job:#}");
}
