//! The `jobs` function as a Lambda binary.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("jobs");
    let state = &jobs::State::from_environment()?;
    let handle = |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(jobs::handle(state, event.payload).await)
    };
    lambda_runtime::run(service_fn(handle)).await
}
