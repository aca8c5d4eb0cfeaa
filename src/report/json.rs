//! The view as JSON, for programs that want what people see.

use std::io::{self, Write};

use super::{Format, View};

/// JSON, indented.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn file(&self) -> &'static str {
        "report.json"
    }

    fn render(&self, view: &View, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, view)?;
        out.write_all(b"\n")
    }
}
