//! Many changes in few requests: what was not reached in one is sent again in the next.

use std::time::Duration;

use serde_json::{Value, json};

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::views::Problem;

/// How many changes one request asks for: few enough to show that it goes on.
const AT_ONCE: usize = 200;

/// How often a change is sent at most that was not reached, or in whose way someone was.
const MOST_ATTEMPTS: u32 = 6;

/// How long to wait before that when someone was in the way.
const WAIT: Duration = Duration::from_secs(1);

/// A change of one of several things.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What the person calls it.
    pub(crate) subject: String,
    /// The operation, as the API takes it.
    pub(crate) operation: Value,
}

/// Makes changes, and tells of each what became of it, once.
pub(crate) async fn carry_out(
    client: &Client,
    changes: Vec<Change>,
    mut tell: impl FnMut(&str, Result<Value>) -> Result<()>,
) -> Result<()> {
    let total = changes.len();
    let progress = Progress::waiting(format!("0 of {total}"));
    let mut done = 0;
    let mut sent = changes.chunks(AT_ONCE);
    let result = loop {
        let Some(some) = sent.next() else {
            break Ok(());
        };
        let results = send(client, some).await;
        let told = results.and_then(|results| {
            for (change, result) in some.iter().zip(results) {
                done += 1;
                progress.suspend(|| tell(&change.subject, result))?;
            }
            Ok(())
        });
        if told.is_err() {
            break told;
        }
        progress.say(format!("{done} of {total}"));
    };
    progress.finish();
    result
}

/// Sends changes until each is done or refused. Returns what became of them, in their order.
async fn send(client: &Client, changes: &[Change]) -> Result<Vec<Result<Value>>> {
    let mut results: Vec<Option<Result<Value>>> = changes.iter().map(|_| None).collect();
    let mut left: Vec<usize> = (0..changes.len()).collect();
    for attempt in 1..=MOST_ATTEMPTS {
        let operations: Vec<&Value> = left
            .iter()
            .filter_map(|position| changes.get(*position))
            .map(|change| &change.operation)
            .collect();
        let call = Call::post(&["bulk"]).json(json!({ "operations": operations }));
        let what = call.describe();
        let answer = client.json(call).await?;
        let answers = answer["results"].as_array().map(Vec::as_slice);
        let answers = answers.filter(|answers| answers.len() == left.len());
        let Some(answers) = answers else {
            return Err(Error::Unexpected {
                what,
                detail: "it is not one result for each operation".to_owned(),
            });
        };
        let mut again = Vec::new();
        let mut is_in_the_way = false;
        for (position, answer) in left.iter().zip(answers) {
            let status = answer["status"].as_u64().unwrap_or_default();
            if matches!(status, 429 | 503) && attempt < MOST_ATTEMPTS {
                again.push(*position);
                is_in_the_way |= answer["problem"]["code"] != "not_reached";
                continue;
            }
            let result = match answer.get("problem").filter(|problem| !problem.is_null()) {
                Some(problem) => Err(Error::Problem(Box::new(Problem::read(problem)))),
                None => Ok(answer.clone()),
            };
            if let Some(slot) = results.get_mut(*position) {
                *slot = Some(result);
            }
        }
        left = again;
        if left.is_empty() {
            break;
        }
        if is_in_the_way {
            tokio::time::sleep(WAIT).await;
        }
    }
    Ok(results.into_iter().flatten().collect())
}
