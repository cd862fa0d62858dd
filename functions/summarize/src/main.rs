//! The `summarize` function as a Lambda binary.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("summarize");
    let state = &summarize::State::from_environment().await?;
    let handle = |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(summarize::handle(state, event.payload).await)
    };
    lambda_runtime::run(service_fn(handle)).await
}
