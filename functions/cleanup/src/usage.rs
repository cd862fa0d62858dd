//! Usage: counted once a day for each workspace, told once when it comes near the limit, and told
//! when it is not what the workspace's rows add up to.

use domain::finding::Outcome;
use domain::{Result, WorkspaceId};
use store::check;
use store::recount::Difference;
use tracing::warn;

use crate::State;
use crate::sweep::Report;

/// Counts what a workspace stores, if that is due. Says whether it was.
pub(crate) async fn count(state: &State, workspace: &WorkspaceId) -> Result<bool> {
    let Some(alerts) = state.store.count_usage_due(workspace).await? else {
        return Ok(false);
    };
    for alert in alerts {
        // template.yaml counts these lines.
        warn!(
            event = "quota_alert",
            workspace = %workspace,
            resource = alert.resource.as_str(),
            percent = alert.percent,
            "a workspace has come near its quota"
        );
    }
    Ok(true)
}

/// Counts and logs the workspaces whose quota says something else than their rows add up to.
pub(crate) fn tell_differences(differences: &[Difference], report: &mut Report) {
    for difference in differences {
        report.quotas_wrong += 1;
        report.quotas_mended += u64::from(difference.is_mended);
        // template.yaml counts these lines.
        warn!(
            event = "quota_difference",
            workspace = %difference.workspace,
            bytes = difference.bytes,
            files = difference.files,
            mended = difference.is_mended,
            "a quota is not what its rows add up to"
        );
        let outcome = if difference.is_mended {
            Outcome::Mended
        } else {
            // The next walk is to find the same.
            Outcome::Found
        };
        check::tell(&difference.workspace, &difference.finding(outcome));
    }
}
