//! Where the end-to-end suite runs: against a local runner of its own, or against a deployment.
//!
//! A deployment is found in the environment: `SHEAF_DEPLOYED` is JSON with its `url` and the `issuer`
//! that makes tokens at `/token?workspace=…&role=…`. The same tests run against both, so they know
//! nothing but the API.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot be set up fails, and says where"
)]

pub mod tus;

use std::time::{Duration, Instant};

use domain::principal::Role;
use serde_json::Value;
use testkit::{Answer, Client, Sheaf};

/// How long the pipeline may take; far above what it takes, also when deployed.
const PATIENCE: Duration = Duration::from_secs(90);

/// A runner or a deployment, and a workspace of this test's own.
pub struct Target {
    place: Place,
    workspace: String,
}

enum Place {
    Local(Box<Sheaf>),
    Deployed { url: String, issuer: String },
}

impl Target {
    /// Finds the deployment, or starts a runner.
    pub async fn start() -> Self {
        let place = match std::env::var("SHEAF_DEPLOYED") {
            Ok(deployed) => {
                let deployed: Value = serde_json::from_str(&deployed).expect("SHEAF_DEPLOYED");
                let text = |name: &str| deployed[name].as_str().expect("a field").to_owned();
                Place::Deployed {
                    url: text("url"),
                    issuer: text("issuer"),
                }
            }
            Err(_) => Place::Local(Box::new(Sheaf::start().await)),
        };
        Self {
            place,
            workspace: format!("e2e-{}", uuid::Uuid::new_v4().simple()),
        }
    }

    /// Returns a client with a role in this test's workspace.
    pub async fn client(&self, role: Role) -> Client {
        self.client_in(&self.workspace, role).await
    }

    /// Returns a client with a role in any workspace.
    pub async fn client_in(&self, workspace: &str, role: Role) -> Client {
        match &self.place {
            Place::Local(sheaf) => sheaf.client(workspace, role),
            Place::Deployed { url, issuer } => {
                let claims = format!("workspace={workspace}&role={role}");
                Client::new(url.clone(), token(issuer, &claims).await)
            }
        }
    }

    /// Returns a client whose token says who it is and gives no role anywhere.
    pub async fn stranger(&self) -> Client {
        match &self.place {
            Place::Local(sheaf) => sheaf.stranger(),
            Place::Deployed { url, issuer } => {
                Client::new(url.clone(), token(issuer, "sub=stranger").await)
            }
        }
    }
}

/// Has an issuer make a token.
async fn token(issuer: &str, claims: &str) -> String {
    let made = reqwest::get(format!("{issuer}/token?{claims}")).await;
    made.expect("the issuer").text().await.expect("a token")
}

/// Asks again and again until the answer is as wanted.
///
/// # Panics
/// When it is not in time, with the last answer.
pub async fn until(client: &Client, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.get(path).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "{path} stays {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a file has gone through the pipeline, and returns it.
pub async fn finished(client: &Client, id: &str) -> Value {
    until(client, &format!("/v1/files/{id}"), |answer| {
        matches!(
            answer.json()["status"].as_str(),
            Some("completed" | "failed" | "quarantined")
        )
    })
    .await
    .json()
}

/// Returns the id of something.
#[must_use]
pub fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}
