//! [`Asides`]: how many answers were walls or redirects, by name.

use std::collections::BTreeMap;

use super::first::add_named;
use crate::load::Aside;

/// Different walls, and as many targets of redirects, that are told apart; their names hold parts of the answers.
pub(super) const NAMED: usize = 16;

/// All walls that have no name of their own.
pub const OTHER_WALLS: &str = "other walls";

/// Answers that were not what their URL was to show.
#[derive(Debug, Clone, Default)]
pub(super) struct Asides {
    pub(super) walls: BTreeMap<String, u64>,
    pub(super) redirects: BTreeMap<String, u64>,
}

impl Asides {
    #[cold]
    pub(super) fn count(&mut self, aside: &Aside) {
        match aside {
            Aside::Wall(wall) => add_named(&mut self.walls, NAMED, OTHER_WALLS, wall, 1),
            Aside::Redirect(to) => add_named(&mut self.redirects, NAMED, "elsewhere", to, 1),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (wall, count) in &other.walls {
            add_named(&mut self.walls, NAMED, OTHER_WALLS, wall, *count);
        }
        for (to, count) in &other.redirects {
            add_named(&mut self.redirects, NAMED, "elsewhere", to, *count);
        }
    }
}
