//! [`ResultUrl`]: where whole results are sent, with placeholders for whose they are.

use url::Url;

use crate::secret::{Mask, Secret};

/// Placeholders, each with a text that may stand for it.
const NAMES: [(&str, &str); 4] = [
    ("{namespace}", "n"),
    ("{group}", "g"),
    ("{revision}", "1"),
    ("{shard}", "0"),
];

/// An address that results are PUT to. A signature or a password may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultUrl(Secret);

/// Whose result it is.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Namespace of the group.
    pub namespace: &'a str,
    /// The group.
    pub group: &'a str,
    /// Revision of its experiment.
    pub revision: u32,
    /// The shard; `None` for the result of all.
    pub shard: Option<u32>,
}

impl ResultUrl {
    /// Reads one; the error says what is wrong, without its text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let filled = NAMES.iter().fold(text.to_owned(), |text, (name, example)| {
            text.replace(name, example)
        });
        if filled.contains(['{', '}']) {
            let known = NAMES.map(|(name, _)| name).join(", ");
            return Err(format!("it has a placeholder that is none of {known}"));
        }
        let url: Url = filled.parse().map_err(|cause| format!("it is no URL: {cause}"))?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err("it is no http:// or https:// URL".to_owned());
        }
        Ok(Self(Secret::new(text)))
    }

    /// Its text.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// Whether each shard has a place of its own.
    pub fn is_of_shards(&self) -> bool {
        self.0.expose().contains("{shard}")
    }

    /// The address for a result. That of all shards is `all`.
    pub fn of(&self, whose: Whose<'_>) -> Option<Url> {
        let shard = whose
            .shard
            .map_or_else(|| "all".to_owned(), |shard| shard.to_string());
        let text = self
            .0
            .expose()
            .replace("{namespace}", whose.namespace)
            .replace("{group}", whose.group)
            .replace("{revision}", &whose.revision.to_string())
            .replace("{shard}", &shard);
        text.parse().ok()
    }

    /// Has everything masked that is secret in it.
    pub fn hide(&self, mask: &Mask) {
        hide(self.0.expose(), mask);
    }
}

/// Has everything masked that may be secret in the text of an address.
pub(super) fn hide(text: &str, mask: &Mask) {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let (_, behind) = address.split_once("://").unwrap_or(("", address));
    let authority = behind.split('/').next().unwrap_or_default();
    let credentials = authority
        .rsplit_once('@')
        .map_or("", |(credentials, _)| credentials);
    if query.is_empty() && credentials.is_empty() {
        return;
    }
    let parts = query.split('&').filter_map(|pair| pair.split_once('='));
    let values = parts.map(|(_, value)| value);
    for secret in [text, query, credentials]
        .into_iter()
        .chain(credentials.split(':'))
        .chain(values)
    {
        mask.add(secret);
    }
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    mask.add_basic(user, password);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str =
        "https://me:password@a.example/{namespace}/{group}/{revision}-{shard}.json?sig=signature";

    #[test]
    fn placeholders_say_whose_a_result_is() {
        let url = ResultUrl::parse(SIGNED).expect("a URL");
        let whose = |shard| Whose {
            namespace: "prod",
            group: "shop",
            revision: 3,
            shard,
        };
        let text = |shard| url.of(whose(shard)).map(|url| url.path().to_owned());
        assert_eq!(text(None).as_deref(), Some("/prod/shop/3-all.json"));
        assert_eq!(text(Some(2)).as_deref(), Some("/prod/shop/3-2.json"));
        assert!(url.is_of_shards());
    }

    #[test]
    fn what_no_result_can_be_sent_to_is_told_without_its_text() {
        for (text, why) in [
            ("", "it is no URL"),
            ("results/secret", "it is no URL"),
            ("s3://bucket/secret", "no http:// or https:// URL"),
            ("https://a.example/{loop}?secret", "none of {namespace}, {group}"),
            ("https://a.example/}", "none of {namespace}"),
        ] {
            let error = ResultUrl::parse(text).expect_err(text);
            assert!(
                error.contains(why) && !error.contains("secret"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn what_is_secret_in_it_is_masked_and_the_rest_is_shown() {
        let mask = Mask::default();
        ResultUrl::parse(SIGNED).expect("a URL").hide(&mask);
        assert_eq!(mask.apply("password signature"), "*** ***");
        let open = Mask::default();
        ResultUrl::parse("https://a.example/{group}")
            .expect("a URL")
            .hide(&open);
        assert_eq!(
            open.apply("https://a.example/{group}"),
            "https://a.example/{group}"
        );
    }
}
