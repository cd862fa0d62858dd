//! Nothing but the child, for tests and benches whose own executable cannot be one.

fn main() {
    extract::child::run_if_child();
}
