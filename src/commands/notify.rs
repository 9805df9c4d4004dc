//! `notify`: the channels of the configuration, and a sample through one of them.

use chrono::Utc;
use tracing::error;

use super::error::RunError;
use super::{printed, tell_problems, told};
use crate::cli::NotifyArgs;
use crate::config::{ChannelSettings, Configuration, Notifiers};
use crate::notifiers::{NotifyError, Told, open_channel, sample};
use crate::report::Exit;
use crate::runtime::Interrupt;
use crate::sinks::console::print_text;
use crate::spelling::known_names;
use crate::terminal::quoted;

/// Lists the channels, or tries one.
pub async fn notify(args: &NotifyArgs, interrupt: Interrupt) -> Exit {
    let settings = crate::config::load(&args.config, &[]);
    let done = match &args.test {
        Some(name) => test(name, &settings, &interrupt).await,
        None => list(&settings),
    };
    done.unwrap_or_else(told)
}

fn list(settings: &Configuration) -> Result<Exit, RunError> {
    tell_problems(settings)?;
    let notifiers = &settings.main.notifiers;
    let mut lines: Vec<String> = notifiers.channels.iter().map(line).collect();
    lines.extend(notifiers.switched_off.iter().map(|name| format!("{name}: switched off")));
    if lines.is_empty() {
        lines.push("no channel is configured: add a section [notifier_NAME]".to_owned());
    }
    printed(print_text(&(lines.join("\n") + "\n")))?;
    Ok(Exit::Done)
}

fn line(channel: &ChannelSettings) -> String {
    let min_score = channel.min_score.map(|score| format!(", min_score {score}")).unwrap_or_default();
    let ChannelSettings { name, digest_above, rate_limit, .. } = channel;
    let channel_type = channel.channel.channel_type().as_str();
    format!(
        "{name}: {channel_type}{min_score}, a digest above {digest_above} findings, up to {rate_limit} notices a minute"
    )
}

async fn test(name: &str, settings: &Configuration, interrupt: &Interrupt) -> Result<Exit, RunError> {
    tell_problems(settings)?;
    let notifiers = &settings.main.notifiers;
    let channel = notifiers.channel(name).ok_or_else(|| RunError::Configuration(missing(name, notifiers)))?;
    let opened = open_channel(&settings.main, channel, interrupt);
    let notifier = opened?;
    let notice = sample(Utc::now());
    Ok(match notifier.tell(&notice).await {
        Ok(Told::Accepted(answer)) => {
            printed(print_text(&format!("{name}: told: {answer}\n")))?;
            Exit::Done
        }
        Ok(Told::AlreadyKnown) => {
            printed(print_text(&format!("{name}: told: the receiver knows the sample already\n")))?;
            Exit::Done
        }
        Err(NotifyError::Temporary { reason, retry_after }) => {
            let wait = retry_after.map(|wait| format!(" (it asks to wait {} s)", wait.as_secs())).unwrap_or_default();
            error!("{name}: not told: {reason}{wait}");
            Exit::Unavailable
        }
        Err(NotifyError::Permanent { reason }) => {
            error!("{name}: refused: {reason}");
            Exit::Refused
        }
    })
}

fn missing(name: &str, notifiers: &Notifiers) -> String {
    if notifiers.switched_off.iter().any(|off| off == name) {
        return format!("channel {name} is switched off: write enabled = 1 (or email_notifier = 1 in [notifier])");
    }
    let known: Vec<&str> = notifiers.names().collect();
    let known = if known.is_empty() { "none is configured".to_owned() } else { known_names(name, &known) };
    format!("no channel is called {}: {known}", quoted(name))
}
