//! [`Forbidden`]: what may not be done, by whom, and the rule that would allow it.

use std::fmt;

use super::foreign;
use super::object::Resource;

/// Something that an account may not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The account, as the API server calls it, if it says so.
    pub user: Option<String>,
    /// What was tried: `get`, `create`, `patch`.
    pub verb: &'static str,
    /// With what kind of objects.
    pub resource: Resource,
    /// Of which name; `None` for those of any name.
    pub name: Option<String>,
    /// Where; `None` for what has no namespace.
    pub namespace: Option<String>,
}

impl Forbidden {
    /// The rule that allows it, in one line of YAML.
    pub fn rule(&self) -> String {
        let Resource { group, plural, .. } = &self.resource;
        let names = match &self.name {
            Some(name) => format!(", resourceNames: [\"{name}\"]"),
            None => String::new(),
        };
        let verb = self.verb;
        format!("- {{apiGroups: [\"{group}\"], resources: [\"{plural}\"]{names}, verbs: [\"{verb}\"]}}")
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> String {
        let role = match &self.namespace {
            Some(namespace) => format!("a Role in the namespace {namespace}"),
            None => "a ClusterRole".to_owned(),
        };
        format!("a rule for {role}, bound to that account: {}", self.rule())
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("this account");
        write!(f, "forbidden: {user} may not {} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " called {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in the namespace {namespace}"),
            None => Ok(()),
        }
    }
}

/// Who was refused, from the words of an API server: `… is forbidden: User "x" cannot get resource …`.
pub(super) fn user(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, _) = rest.split_once('"')?;
    (!user.is_empty()).then(|| user.to_owned())
}

/// What RBAC calls the things that may be done with objects.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// What was refused, from the same words: an apply is one thing or another.
pub(super) fn verb(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once(" cannot ")?;
    let word = rest.split(' ').next()?;
    VERBS.into_iter().find(|verb| *verb == word)
}

/// What an API server says where somebody gives rights that they have not.
pub(super) const ESCALATION: &str = "not currently held";
/// Rules of these that are shown.
const MOST_RULES: usize = 8;

/// What was refused, in its words; the rights that somebody would have needed as the rules that give them.
pub(super) fn refused(message: &str) -> String {
    let Some((before, rules)) = message.split_once(ESCALATION) else {
        return foreign(message);
    };
    let keys = [
        ("{APIGroups:", "{apiGroups: "),
        (", Resources:", ", resources: "),
        (", ResourceNames:", ", resourceNames: "),
        (", Verbs:", ", verbs: "),
    ];
    let rule = |line: &str| {
        let rule = line.find('{').map_or(line, |begin| &line[begin..]);
        let words = keys.iter();
        let rule = words.fold(rule.to_owned(), |rule, (theirs, ours)| rule.replace(theirs, ours));
        // Go puts blanks between the items of a list.
        let rule = rule.replace("\" \"", "\", \"");
        format!("- {}", foreign(&rule))
    };
    let lines = rules.lines().filter(|line| line.contains("{APIGroups:"));
    let rules: Vec<String> = lines.take(MOST_RULES).map(rule).collect();
    format!("{}{ESCALATION}: {}", foreign(before), rules.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_nobody_can_give_are_told_as_rules() {
        let long = "n".repeat(200);
        let message = format!(
            "roles \"a\" is forbidden: user \"guest\" (groups=[\"{long}\"]) is attempting to grant RBAC permissions not currently held:\n\
             {{APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"shop\"], Verbs:[\"get\" \"patch\"]}}\n\
             {{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}}"
        );
        let said = refused(&message);
        assert!(
            said.ends_with(
                "not currently held: - {apiGroups: [\"apps\"], resources: [\"deployments\"], resourceNames: [\"shop\"], \
                 verbs: [\"get\", \"patch\"]} - {apiGroups: [\"\"], resources: [\"secrets\"], verbs: [\"get\"]}"
            ),
            "{said}"
        );
        assert_eq!(refused("no\u{7} way"), "no  way");
    }
}
