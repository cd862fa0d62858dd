//! The `upload` function as a Lambda binary.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init("upload");
    let origins = api::settings::allowed_origins()?;
    let state = upload::State::from_environment()?;
    lambda_http::run(api::serve::around(upload::router(state), &origins)).await
}
