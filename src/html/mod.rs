//! Pages as HTML: templates, style and views that the daemon's pages, reports and backtests share.
//!
//! Event text is hostile. Templates escape it as HTML; before that, characters that reorder or hide
//! text become visible escapes, as on terminals. Pages that stand alone, in a file, carry a policy
//! that lets nothing run, load or restyle them but their own script and style, named by hash.

mod evidence;
mod finding;
mod report;
pub(crate) mod texts;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, context, escape_formatter};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::models::Evidence;
use crate::plots;
use crate::state::KeptFinding;
use crate::terminal::escape_controls;

pub(crate) use finding::{Fact, FindingView, observations};
pub use report::{FindingList, ReadReport, ReportPageError, Room, report_page};

/// The style sheet of all pages.
const STYLE: &str = include_str!("style.css");

/// Templates of parts.
const PARTS: [(&str, &str); 3] = [
    ("line", include_str!("templates/line.html")),
    ("details", include_str!("templates/details.html")),
    ("lines", include_str!("templates/lines.html")),
];

const HEAD: &str = include_str!("templates/head.html");
const FOOT: &str = include_str!("templates/foot.html");

/// The style sheet of all pages and of the plots in them.
pub(crate) fn style() -> String {
    [STYLE, plots::STYLE].concat()
}

/// Templates that are read: those of pages, and the parts that all pages share.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// Reads the templates of pages, each what is between head and foot. They may mark markup of
    /// our own as safe; all other text is escaped.
    ///
    /// # Errors
    /// A template with a mistake.
    pub(crate) fn read(pages: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut environment = Environment::new();
        // names have no endings that say so
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
        environment.set_formatter(|out, state, value| match value.as_str() {
            Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(escape_controls(text))),
            _ => escape_formatter(out, state, value),
        });
        for (name, text) in PARTS {
            environment.add_template(name, text)?;
        }
        for (name, text) in pages {
            environment.add_template_owned(*name, [HEAD, text, FOOT].concat())?;
        }
        Ok(Templates(environment))
    }

    /// Adds the template of a part.
    ///
    /// # Errors
    /// A template with a mistake.
    pub(crate) fn with_part(mut self, name: &'static str, text: &'static str) -> Result<Self, Error> {
        self.0.add_template(name, text)?;
        Ok(self)
    }

    /// A part, or a page that a server shows.
    ///
    /// # Errors
    /// A template that cannot be filled in.
    pub(crate) fn render(&self, name: &str, context: Value) -> Result<String, Error> {
        let version = env!("CARGO_PKG_VERSION");
        self.0.get_template(name)?.render(context! { version, ..context })
    }

    /// A page that stands alone, with a script of our own if it has one.
    ///
    /// # Errors
    /// A template that cannot be filled in.
    pub(crate) fn render_alone(&self, name: &str, script: Option<&str>, context: Value) -> Result<String, Error> {
        let style = style();
        let alone = context! { policy => policy(&style, script), style, script };
        self.render(name, context! { alone, ..context })
    }

    /// Lines under a heading; nothing if there are none. `class` is that of the section.
    ///
    /// # Errors
    /// A template that cannot be filled in.
    pub(crate) fn lines(&self, heading: &str, class: &str, lines: &[String]) -> Result<String, Error> {
        self.render("lines", context! { heading, class, lines => shown(&lines) })
    }

    /// The line of a finding in a list.
    ///
    /// # Errors
    /// A template that cannot be filled in.
    pub(crate) fn line(&self, finding: &FindingView) -> Result<String, Error> {
        self.render("line", context! { finding => shown(finding) })
    }

    /// Facts about a finding, and the plot that explains it if there is evidence.
    ///
    /// # Errors
    /// A template that cannot be filled in.
    pub(crate) fn details(&self, finding: &KeptFinding, evidence: Option<&Evidence>) -> Result<String, Error> {
        let mut facts = finding::facts(finding);
        facts.extend(evidence.map(evidence::facts_of).into_iter().flatten());
        self.render("details", context! { facts => shown(&facts), plot => evidence.and_then(evidence::plot) })
    }
}

/// A value for a template. JSON values are none: their numbers would become objects.
pub(crate) fn shown(value: &impl Serialize) -> Value {
    Value::from(Serde(value))
}

/// Policy of a page that stands alone: only its own style and script, by hash.
fn policy(style: &str, script: Option<&str>) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let script = script.map_or_else(|| "'none'".to_owned(), hash);
    format!("default-src 'none'; script-src {script}; style-src {}; base-uri 'none'; form-action 'none'", hash(style))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "</script><script>alert(1)</script>\" onload='x' {{ 7 * 7 }} \u{202e}\u{2028}\u{1b}[2J";

    #[test]
    fn pages_that_stand_alone_run_nothing_but_their_own_script() {
        let templates = Templates::read(&[("page", "<p title=\"{{ title }}\">{{ title }}</p>")]).unwrap();
        let script = "document.title = 'x';";
        let page = templates.render_alone("page", Some(script), context! { title => HOSTILE }).unwrap();
        // as templates escape it
        let hash = STANDARD.encode(Sha256::digest(script)).replace('/', "&#x2f;");
        assert!(page.contains(&format!("script-src &#x27;sha256-{hash}&#x27;; style-src &#x27;sha256-")), "{page}");
        assert!(page.contains(&format!("<script>{script}</script>")), "{page}");
        assert_eq!((page.matches("<script").count(), page.matches("onload='").count()), (1, 0), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{2028}', '\u{1b}']) && !page.contains(" 49 "), "{page}");
        let without = templates.render_alone("page", None, context! { title => "t" }).unwrap();
        assert!(without.contains("script-src &#x27;none&#x27;") && !without.contains("<script"), "{without}");
    }

    #[test]
    fn pages_of_a_server_link_their_style() {
        let templates = Templates::read(&[("page", "{{ title }}")]).unwrap();
        let page = templates.render("page", context! { title => HOSTILE }).unwrap();
        assert!(
            page.contains("href=\"/style.css\"") && !page.contains("<style") && !page.contains("<script"),
            "{page}"
        );
    }

    #[test]
    fn style_sheets_hold_nothing_that_ends_them() {
        assert!(!style().contains('<') && !style().contains("url("), "{}", style());
    }
}
