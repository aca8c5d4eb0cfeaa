"""Tables of figures, as Markdown."""

import statistics
from dataclasses import dataclass, field


def number(value):
    """Three significant digits, thousands with commas, never an exponent."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def spread(values, brackets=True):
    """The median, and in brackets the smallest and the largest value; a dash for none."""
    if not values:
        return "–"
    text = number(statistics.median(values))
    return f"{text} [{number(min(values))}–{number(max(values))}]" if brackets else text


@dataclass
class Table:
    """One table under its title; notes say what is missing and why."""

    title: str
    columns: list
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, *cells):
        self.rows.append(cells)

    def markdown(self):
        lines = [f"### {self.title}", ""]
        if self.rows:
            rule = ["---"] + ["---:"] * (len(self.columns) - 1)
            lines += ["| " + " | ".join(row) + " |" for row in (self.columns, rule, *self.rows)] + [""]
        if self.notes:
            lines += ["- " + note.replace("|", "\\|") for note in self.notes] + [""]
        return "\n".join(lines)
