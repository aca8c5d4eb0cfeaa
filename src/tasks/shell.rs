//! [`quoted`]: any text as one word of a shell's command line.

/// `text` as one word for a POSIX shell, on one line: as it is where that is safe, else in quotes. What cannot be seen
/// (control characters, marks of the reading direction) becomes `$'…'` with octal bytes, which bash, zsh and ksh read.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else if text.chars().any(is_unseen) {
        escaped(text)
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Characters that a terminal or a browser would not show as they are.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

fn escaped(text: &str) -> String {
    let mut out = String::from("$'");
    for c in text.chars() {
        if is_unseen(c) || "\\'!".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("\\{byte:03o}"));
            }
        } else {
            out.push(c);
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::quoted;

    #[test]
    fn quotes_are_there_where_they_are_needed() {
        assert_eq!(quoted("a-b_c./:,@%+"), "a-b_c./:,@%+");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(id) `id` it's"), r"'$(id) `id` it'\''s'");
        assert_eq!(quoted("a\nb\\c'"), r"$'a\012b\134c\047'");
        assert_eq!(quoted("\u{202e}1"), r"$'\342\200\2561'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "(?s)[^\0]{0,40}|[\\\\'\"$`!\n\r\t0-9 #~*]{0,20}") {
            let word = quoted(&text);
            prop_assert!(!word.contains(['\n', '\r']));
            // Systems without bash have nobody to ask.
            if let Ok(said) = Command::new("bash").arg("-c").arg(format!("printf %s {word}")).output() {
                prop_assert_eq!(String::from_utf8_lossy(&said.stdout), text);
            }
        }
    }
}
