//! The `organize` function as a Lambda binary.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("organize");
    let origins = api::settings::allowed_origins()?;
    let state = organize::State::from_environment()?;
    lambda_http::run(api::serve::around(organize::router(state), &origins)).await
}
