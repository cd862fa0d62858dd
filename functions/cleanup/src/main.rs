//! The `cleanup` function as a Lambda binary.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("cleanup");
    let state = &cleanup::State::from_environment()?;
    let handle = |event: LambdaEvent<Value>| async move {
        cleanup::handle(state, event.payload)
            .await
            .map_err(Error::from)
    };
    lambda_runtime::run(service_fn(handle)).await
}
