//! The `retrieval` function as a Lambda binary.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("retrieval");
    let origins = api::settings::allowed_origins()?;
    let state = retrieval::State::from_environment()?;
    lambda_http::run(api::serve::around(retrieval::deployed(state), &origins)).await
}
