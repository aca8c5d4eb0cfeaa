//! [`Command`]: a command that sends what a load sends, for people to try.
//!
//! # Why so little is shown
//! Reports are read by more people than experiments. What is sent is shown if it is short and has no word that goes with
//! secrets. What is missing is said in a comment behind the command. The comment has no character that means something to
//! a shell, because some shells read comments of commands that are typed as words.

use crate::secret::Mask;
use crate::tasks::shell::quoted;

/// What stands for a value that may be secret.
pub(in crate::tasks) const STARS: &str = "***";
/// Longest content that is shown, in bytes.
pub(in crate::tasks) const LONGEST: usize = 256;
/// Words that go with secrets in bodies.
const BETRAYING: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "auth",
    "key",
    "cookie",
    "credential",
    "session",
    "bearer",
];

/// Whether a text has a word that goes with secrets.
fn betrays(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    BETRAYING.iter().any(|word| lower.contains(word))
}

/// Whether what is sent can be shown where no secrets are known: it is short, comes neither from the environment nor from a
/// URL, and has no word that goes with secrets.
pub(crate) fn is_harmless(text: &str) -> bool {
    text.len() <= LONGEST && !["${", "://"].iter().any(|mark| text.contains(mark)) && !betrays(text)
}

/// A command while it is put together.
pub(in crate::tasks) struct Command<'a> {
    /// Its words, quoted.
    pub(in crate::tasks) words: Vec<String>,
    /// What is not in it, in the comment's words.
    pub(in crate::tasks) missing: Vec<&'static str>,
    /// Texts that stand for what differs from request to request.
    pub(in crate::tasks) placeholders: Vec<String>,
    /// The secrets.
    pub(in crate::tasks) mask: &'a Mask,
    /// Whether a placeholder stands in it.
    varies: bool,
    /// Whether stars stand in it.
    starred: bool,
}

impl<'a> Command<'a> {
    /// A program without arguments.
    pub(in crate::tasks) fn new(program: &str, placeholders: Vec<String>, mask: &'a Mask) -> Self {
        Self {
            words: vec![program.to_owned()],
            missing: Vec::new(),
            placeholders,
            mask,
            varies: false,
            starred: false,
        }
    }

    /// Adds an argument that may hold anything.
    pub(in crate::tasks) fn word(&mut self, option: &str, text: &str) {
        self.starred |= text.contains(STARS);
        self.varies |= self.placeholders.iter().any(|known| text.contains(known));
        self.words.push(format!("{option}{}", quoted(text)));
    }

    /// Adds what is sent, or leaves out `what` it is.
    pub(in crate::tasks) fn content(&mut self, option: &str, content: &[u8], what: &'static str) {
        let text = std::str::from_utf8(content).ok();
        if let Some(text) = text.filter(|text| text.len() <= LONGEST && self.is_harmless(text)) {
            self.word(option, text);
        } else {
            self.words.push(format!("{option}'{STARS}'"));
            self.missing.push(what);
        }
    }

    /// Whether nothing in a text looks like a secret.
    fn is_harmless(&self, text: &str) -> bool {
        !betrays(text) && self.mask.apply(text) == text
    }

    /// The command on a single line, with its comment.
    pub(in crate::tasks) fn finish(self) -> String {
        let mut told = Vec::new();
        if let Some((last, others)) = self.missing.split_last() {
            let list = if others.is_empty() {
                (*last).to_owned()
            } else {
                format!("{} and {last}", others.join(", "))
            };
            told.push(format!("left out: {list}"));
        }
        if self.starred {
            told.push("stars stand for values that may be secret".to_owned());
        }
        if self.varies {
            told.push("names in braces stand for values that differ from request to request".to_owned());
        }
        let command = self.words.join(" ");
        if told.is_empty() {
            command
        } else {
            format!("{command}  # {}", told.join(", "))
        }
    }
}
