//! How much one rendering may take, and the checks that hold it there.

use std::io;

use serde_json::Value;

use crate::error::{Bound, RenderError};

/// How much one rendering may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest size of the parameters, written as compact JSON.
    pub parameter_bytes: usize,
    /// Most levels of lists and objects within each other. Keep it under 100: values are walked by
    /// recursion.
    pub parameter_depth: usize,
    /// Largest result.
    pub output_bytes: usize,
    /// Most cells of one table, so that rows with ever new columns can't multiply.
    pub table_cells: usize,
    /// Most steps of the template engine: what bounds time.
    pub steps: usize,
    /// Most calls of the template engine within each other.
    pub recursion: usize,
}

impl Default for Limits {
    /// What a request may take: under a second and 80 MiB for the worst parameters measured.
    fn default() -> Self {
        Self {
            parameter_bytes: 1024 * 1024,
            parameter_depth: 32,
            output_bytes: 8 * 1024 * 1024,
            table_cells: 250_000,
            steps: 5_000_000,
            recursion: 64,
        }
    }
}

impl Limits {
    /// Refuses parameters that are too large or too deep, before anything looks at them.
    pub(crate) fn check(&self, parameters: &Value) -> Result<(), RenderError> {
        // Depth first: writing a value recurses, so only what is known to be shallow is measured.
        if is_deeper(parameters, self.parameter_depth) {
            return Err(exceeded(Bound::ParameterDepth, self.parameter_depth));
        }
        let mut size = Output::new(Bound::ParameterBytes, self.parameter_bytes);
        size.keep = false;
        // Writing JSON into memory fails only when the limit is reached, which `finish` tells.
        let _ = serde_json::to_writer(&mut size, parameters);
        size.finish().map(drop)
    }
}

/// The error of a limit that was reached.
pub(crate) fn exceeded(bound: Bound, allowed: usize) -> RenderError {
    RenderError::LimitExceeded { bound, allowed }
}

/// Whether lists and objects lie within each other more than `limit` levels deep. Takes no stack.
fn is_deeper(value: &Value, limit: usize) -> bool {
    let mut rest = vec![(value, 1)];
    while let Some((value, level)) = rest.pop() {
        let is_container = value.is_array() || value.is_object();
        if is_container && level > limit {
            return true;
        }
        match value {
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(fields) => rest.extend(fields.values().map(|field| (field, level + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Bytes being written, up to a limit.
pub(crate) struct Output {
    bytes: Vec<u8>,
    keep: bool,
    count: usize,
    bound: Bound,
    allowed: usize,
}

impl Output {
    pub(crate) const fn new(bound: Bound, allowed: usize) -> Self {
        Self {
            bytes: Vec::new(),
            keep: true,
            count: 0,
            bound,
            allowed,
        }
    }

    /// Whether a write was refused because the limit was reached.
    pub(crate) const fn is_over(&self) -> bool {
        self.count > self.allowed
    }

    /// Returns what was written, or the limit that was reached.
    pub(crate) fn finish(self) -> Result<Vec<u8>, RenderError> {
        if self.is_over() {
            return Err(exceeded(self.bound, self.allowed));
        }
        Ok(self.bytes)
    }
}

impl io::Write for Output {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.count = self.count.saturating_add(buffer.len());
        if self.is_over() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.keep {
            self.bytes.extend_from_slice(buffer);
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
