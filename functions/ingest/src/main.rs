//! The `ingest` function as a Lambda binary, and the child process that reads untrusted files.

use lambda_runtime::{Error, LambdaEvent, service_fn};

fn main() -> Result<(), Error> {
    // Before anything else: the child is this program, and needs nothing of what follows.
    extract::child::run_if_child();
    serve()
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), Error> {
    runtime::telemetry::init("ingest");
    let state = ingest::State::from_environment()?;
    let state = &state;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        Ok::<_, Error>(ingest::handle(state, event.payload).await)
    }))
    .await
}
