//! Steps at random, held against a plain model of what a workspace holds: every answer, and now and
//! then everything that is told of the workspace.

mod compare;
mod expected;
mod run;

use compare::Depth;
use run::Run;

use crate::invariants::assert_whole;
use crate::is_against_deployment;

/// Steps of all runs together, unless `SHEAF_STEPS` says it: 10,000 take a quarter of an hour.
const STEPS: usize = 600;

/// Steps of one run: a workspace that is too full or too old takes part in little.
const STEPS_OF_RUN: usize = 300;

/// After how many steps everything is compared.
const COMPARED_EVERY: usize = 100;

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::print_stderr,
    reason = "who looks for what went wrong is told the seed"
)]
async fn whatever_is_done_a_workspace_is_as_a_plain_model_of_it() {
    if is_against_deployment() {
        return;
    }
    let asked = std::env::var("SHEAF_STEPS").ok();
    let mut left = asked.map_or(STEPS, |steps| steps.parse().unwrap());
    let first = std::env::var("SHEAF_SEED").ok();
    let first = first.map_or_else(rand::random::<u64>, |seed| seed.parse().unwrap());
    for run in 0.. {
        let steps = left.min(STEPS_OF_RUN);
        if steps == 0 {
            break;
        }
        left -= steps;
        let seed = first.wrapping_add(run);
        eprintln!("{steps} steps of seed {seed}: SHEAF_SEED={seed} SHEAF_STEPS={steps}");
        Box::pin(go(seed, steps)).await;
    }
}

async fn go(seed: u64, steps: usize) {
    let mut run = Run::start(seed).await;
    for step in 1..=steps {
        Box::pin(run.step()).await;
        if step % COMPARED_EVERY == 0 {
            Box::pin(run.compare(Depth::Lists)).await;
        }
    }
    Box::pin(run.let_uploads_run_out()).await;
    Box::pin(run.compare(Depth::All)).await;
    assert_whole(&run.sheaf).await;
}
