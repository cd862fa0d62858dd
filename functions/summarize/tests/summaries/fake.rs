//! A language model that answers as a test says, counts its calls, and can be made to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ai::{Completion, DocumentInput, DossierInput, LanguageModel, ModelError, Task};
use async_trait::async_trait;
use testkit::{Options, Sheaf};
use tokio::sync::Semaphore;

/// What the model answers to its call of this number, from 1.
type Script = Box<dyn Fn(usize) -> Result<String, ModelError> + Send + Sync>;

pub(crate) struct Fake {
    document: Script,
    dossier: Script,
    /// How often each was called.
    pub(crate) documents: AtomicUsize,
    pub(crate) dossiers: AtomicUsize,
    /// Calls wait here until there are permits.
    document_gate: Semaphore,
    dossier_gate: Semaphore,
}

impl Fake {
    /// Answers every call at once.
    pub(crate) fn new() -> Self {
        Self {
            document: Box::new(|_| Ok("What it says.".to_owned())),
            dossier: Box::new(|_| Ok("What they say.".to_owned())),
            documents: AtomicUsize::new(0),
            dossiers: AtomicUsize::new(0),
            document_gate: Semaphore::new(Semaphore::MAX_PERMITS),
            dossier_gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    pub(crate) fn document(
        mut self,
        script: impl Fn(usize) -> Result<String, ModelError> + Send + Sync + 'static,
    ) -> Self {
        self.document = Box::new(script);
        self
    }

    pub(crate) fn dossier(
        mut self,
        script: impl Fn(usize) -> Result<String, ModelError> + Send + Sync + 'static,
    ) -> Self {
        self.dossier = Box::new(script);
        self
    }

    /// Lets every call about a document wait until [`Fake::open`].
    pub(crate) fn documents_closed(mut self) -> Self {
        self.document_gate = Semaphore::new(0);
        self
    }

    /// Lets every call about a dossier wait until [`Fake::open`].
    pub(crate) fn dossiers_closed(mut self) -> Self {
        self.dossier_gate = Semaphore::new(0);
        self
    }

    pub(crate) fn open(&self) {
        for gate in [&self.document_gate, &self.dossier_gate] {
            let missing = Semaphore::MAX_PERMITS - gate.available_permits();
            gate.add_permits(missing / 2);
        }
    }

    /// Starts a runner that uses this model.
    pub(crate) async fn start(self) -> (Sheaf, Arc<Self>) {
        let model = Arc::new(self);
        let options = Options {
            model: Arc::clone(&model) as Arc<dyn LanguageModel>,
            ..Options::default()
        };
        (Sheaf::start_with(options).await, model)
    }

    /// Returns once the model has been called this often for one of the counts.
    pub(crate) async fn called(count: &AtomicUsize, times: usize) {
        while count.load(Ordering::SeqCst) < times {
            tokio::task::yield_now().await;
        }
    }

    async fn answer(
        &self,
        script: &Script,
        count: &AtomicUsize,
        gate: &Semaphore,
    ) -> Result<Completion, ModelError> {
        let call = count.fetch_add(1, Ordering::SeqCst) + 1;
        drop(gate.acquire().await);
        Ok(Completion {
            text: script(call)?,
            model: self.id().to_owned(),
            prompt_version: "fake-1",
            input_tokens: None,
            output_tokens: None,
            confidence: None,
        })
    }
}

#[async_trait]
impl LanguageModel for Fake {
    fn id(&self) -> &'static str {
        "fake"
    }

    fn prompt_version(&self, _: Task) -> &'static str {
        "fake-1"
    }

    async fn summarize_document(&self, _: &DocumentInput) -> Result<Completion, ModelError> {
        self.answer(&self.document, &self.documents, &self.document_gate)
            .await
    }

    async fn summarize_dossier(&self, _: &DossierInput) -> Result<Completion, ModelError> {
        self.answer(&self.dossier, &self.dossiers, &self.dossier_gate)
            .await
    }
}
