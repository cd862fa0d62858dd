//! The `generation` function as a Lambda binary.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("generation");
    let origins = api::settings::allowed_origins()?;
    let state = generation::State::from_environment()?;
    lambda_http::run(api::serve::around(generation::router(state), &origins)).await
}
