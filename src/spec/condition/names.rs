//! The list of all usable names, for documentation, and the nearest one for a misspelled name.

use super::schema::{FACTS, LANGUAGE, ROOTS, Type, methods};

/// A name that a condition may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// How it is written, for example `Result.Insights.SLOs.Upper[i].Limit`.
    pub text: String,
    /// What it means, in one line.
    pub about: &'static str,
}

/// Every usable name.
pub fn names() -> Vec<Name> {
    let name = |text: &str, about| Name {
        text: text.to_owned(),
        about,
    };
    let mut names: Vec<Name> = FACTS.iter().map(|fact| name(fact.call, fact.about)).collect();
    for root in ROOTS {
        names.push(name(root.name, root.about));
        list_parts(root.name, &(root.gives)(), &mut names);
    }
    names.extend(LANGUAGE.iter().map(|(_, call, about)| name(call, about)));
    names
}

fn list_parts(path: &str, of: &Type, names: &mut Vec<Name>) {
    if let Type::List(element) = of {
        list_parts(&format!("{path}[i]"), element, names);
    } else if let Type::Map(element) = of {
        list_parts(&format!("{path}[\"name\"]"), element, names);
    } else if let Type::Object(shape) = of {
        for field in shape.fields() {
            let path = format!("{path}.{}", field.name);
            names.push(Name {
                text: path.clone(),
                about: field.about,
            });
            list_parts(&path, &(field.gives)(), names);
        }
    }
    names.extend(methods(of).iter().map(|method| Name {
        text: format!("{path}.{}", method.call),
        about: method.about,
    }));
}

/// `did you mean …?` with the candidate nearest to a name, if one is near. A candidate is a name and how it is written.
pub(super) fn did_you_mean<'a>(
    name: &str,
    candidates: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    let wanted = name.to_lowercase();
    candidates
        .map(|(candidate, written)| {
            (
                strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()),
                written,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, written)| *distance <= 1 + written.len().min(name.len()) / 4)
        .map(|(_, written)| format!("did you mean `{written}`?"))
}
