//! What a person reads who looks into one run.

use hostler_node::Message;

/// Lines that are kept; beyond that, the oldest go.
const LINES: usize = 20_000;

/// What happened, in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    on: bool,
    /// Messages as well.
    all: bool,
    lines: std::collections::VecDeque<String>,
}

impl Trace {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, all: false, lines: std::collections::VecDeque::new() }
    }

    pub(crate) fn with_messages(&mut self) {
        (self.on, self.all) = (true, true);
    }

    /// Something that is worth reading.
    pub(crate) fn say(&mut self, at_ms: u64, text: impl FnOnce() -> String) {
        if self.on {
            if self.lines.len() >= LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(format!("{:>10}.{:03} s  {}", at_ms / 1_000, at_ms % 1_000, text()));
        }
    }

    /// What users do, which is much.
    pub(crate) fn user(&mut self, at_ms: u64, text: impl FnOnce() -> String) {
        if self.all {
            self.say(at_ms, text);
        }
    }

    pub(crate) fn message(&mut self, at_ms: u64, from: usize, to: usize, message: &Message) {
        if self.all && !matches!(message, Message::Gossip(_)) {
            let what = match message {
                Message::Heads(_) => "heads".to_owned(),
                Message::Push(events) => format!("{} new events", events.len()),
                Message::Pull { feed, from } => format!("asks for {feed} from {from}"),
                Message::Chunk(events) => format!("{} events that were asked for", events.len()),
                Message::Stored { feed, seq } => format!("has stored {feed} up to {seq}"),
                Message::Gather { .. } => "gathers for a promotion".to_owned(),
                Message::Gathered { .. } => "says what it has, for a promotion".to_owned(),
                Message::Elect { n, .. } => format!("asks for a vote on epoch {n}"),
                Message::Forward { command, .. } => format!("forwards: {}", command.name()),
                Message::Forwarded { .. } => "answers what was forwarded".to_owned(),
                Message::Gossip(_) => String::new(),
            };
            self.say(at_ms, || format!("machine {} to machine {}: {what}", from + 1, to + 1));
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
