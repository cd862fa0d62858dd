# Everyday commands. `just` lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Where what is measured is built.
release := env("CARGO_TARGET_DIR", justfile_directory() / "target") / "release"

_list:
    @just --list --unsorted

# Run the local runner
serve *ARGUMENTS:
    cargo run -- serve {{ ARGUMENTS }}

# Run the whole job on sample documents, or on yours
demo *FILES:
    cargo run -- demo {{ FILES }}

# Run every test that needs nothing but Rust
test *ARGUMENTS:
    cargo test --workspace {{ ARGUMENTS }}

# Format the code
fmt:
    cargo fmt --all

# What the compiler, clippy, rustdoc and the spelling checker say
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    "$(.ci/venv)/bin/typos"

# Check template.yaml by itself and against the code
template:
    PATH="$(.ci/venv)/bin:$PATH" && SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 sam validate --lint --template template.yaml && cfn-lint template.yaml
    PATH="$(.ci/venv)/bin:$PATH" && python -m pytest -q -p no:cacheprovider tests/deploy/test_template.py

# Deploy template.yaml with real binaries on ministack and run the end-to-end suites there
e2e-aws *ARGUMENTS:
    PATH="$(.ci/venv)/bin:$PATH" tests/deploy/e2e {{ ARGUMENTS }}

# Run other people's clients against a runner
clients:
    PATH="$(.ci/venv)/bin:$PATH" tests/clients/run

# Make requests of the OpenAPI document to a runner, so many for each operation
schema EXAMPLES="15":
    PATH="$(.ci/venv)/bin:$PATH" tests/schema/run {{ EXAMPLES }}

# Deploy template.yaml on ministack and keep it until Ctrl-C
serve-aws *ARGUMENTS:
    "$(.ci/venv)/bin/python" tests/deploy/deploy.py {{ ARGUMENTS }}

# Measure how the functions start, beside a Python function (release profile)
bench-start *FUNCTIONS:
    PATH="$(.ci/venv)/bin:$PATH" python tests/deploy/deploy.py --profile release -- python benches/start/start.py {{ FUNCTIONS }}

# Build what is measured, all with the same features
[private]
bench-build:
    cargo build --release -p extract -p sheaf -p benches

# Measure the runner: beside its ceiling, documents through the pipeline, idle memory (release profile)
bench: bench-build
    "{{ release }}/ceiling"
    "{{ release }}/pipeline"
    "{{ release }}/idle"

# Count what each operation asks of DynamoDB and S3, and write it into docs/OPERATIONS.md
bench-cost: bench-build
    "{{ release }}/cost" --write

# Measure the functions beside a FastAPI application on the same emulators
bench-peers: bench-build
    PEER_PYTHON="$(.ci/venv benches/peer/requirements.txt)/bin/python" "{{ release }}/peers"

# Measure uploads by tus beside PUTs through the SDK and @tus/server. Needs Node 20 or later with npm
bench-tus: bench-build
    cd benches/tus-peer && npm ci --no-audit --no-fund --loglevel=error
    "{{ release }}/tus"

# Measure whether memory grows with the size of a file: 5 GiB, or --bytes N. Needs room for twice that
bench-memory *ARGUMENTS: bench-build
    "{{ release }}/memory" {{ ARGUMENTS }}

# Make a workspace of 1,000,000 files in a folder, or of --files N in --folders N
bench-load DATA *ARGUMENTS: bench-build
    "{{ release }}/load" --data "{{ DATA }}" {{ ARGUMENTS }}

# Measure lists and moves in such a workspace
bench-scale DATA: bench-build
    "{{ release }}/scale" --data "{{ DATA }}"

# Measure what is read of documents beside pdftotext and office libraries, and of broken ones. Needs Debian, poppler-utils
bench-extraction *PARTS:
    cargo build --release -p extract
    "$(.ci/venv benches/extraction/requirements.txt)/bin/python" -B benches/extraction/extraction.py "{{ release }}/extract-child" {{ PARTS }}

# Hold figures of dossiers against an oracle in Python's decimal
oracle *ARGUMENTS:
    tests/oracle/run {{ ARGUMENTS }}

# Check licenses, advisories, sources and unused dependencies, with the tools that are installed
audit:
    if command -v cargo-deny >/dev/null; then cargo deny check; else echo "cargo-deny is not installed: cargo install cargo-deny"; fi
    if command -v cargo-machete >/dev/null; then cargo machete; else echo "cargo-machete is not installed: cargo install cargo-machete"; fi

# Everything that must hold before a change is done
ci:
    .ci/run
