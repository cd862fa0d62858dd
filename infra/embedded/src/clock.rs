//! What time it is, as the backends are told.

use std::sync::Arc;

use jiff::Timestamp;

/// Says what time it is. Given to every backend when it is opened, so that a test can set it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
