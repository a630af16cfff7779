//! The running session: what the other side draws goes onto the shared picture.

use super::coverage::Coverage;
use super::live::{Live, empty};
use super::log_on::Secured;
use anyhow::anyhow;
use ironrdp_connector::connection_activation::{ConnectionActivationFactory, ConnectionActivationState};
use ironrdp_connector::{ConnectionResult, DesktopSize, Sequence};
use ironrdp_core::WriteBuf;
use ironrdp_session::{ActiveStage, ActiveStageBuilder, ActiveStageOutput, fast_path};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the other side may take to start over.
const REACTIVATION_WAIT: Duration = Duration::from_secs(10);

/// One session, on whichever thread advances it.
pub(super) struct Session {
    framed: Secured,
    stage: ActiveStage,
    activation: ConnectionActivationFactory,
    coverage: Coverage,
    live: Arc<Live>,
}

impl Session {
    pub(super) fn new(framed: Secured, connected: ConnectionResult, live: Arc<Live>) -> Self {
        let stage = ActiveStageBuilder {
            static_channels: connected.static_channels,
            user_channel_id: connected.user_channel_id,
            io_channel_id: connected.io_channel_id,
            message_channel_id: connected.message_channel_id,
            share_id: connected.share_id,
            compression_type: connected.compression_type,
            enable_server_pointer: false,
            pointer_software_rendering: false,
        }
        .build();
        let coverage = all_missing(connected.desktop_size);
        Self { framed, stage, activation: connected.activation_factory, coverage, live }
    }

    /// Whether every pixel was drawn at least once.
    pub(super) fn is_complete(&self) -> bool {
        self.coverage.is_complete()
    }

    /// Goes on until the connection ends.
    pub(super) fn keep(mut self) {
        let end = loop {
            match self.advance() {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(error) => break format!("{error:#}"),
            }
        };
        self.live.with(|live| live.ended = Some(end));
    }

    /// Takes the next packet, if one comes within the socket's read timeout. Says why, where the other side ended the
    /// connection.
    pub(super) fn advance(&mut self) -> anyhow::Result<Option<String>> {
        let (action, packet) = match self.framed.read_pdu() {
            Ok(read) => read,
            Err(error) => {
                return match error.kind() {
                    _ if is_timeout(&error) => Ok(None),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Ok(Some("it was closed".to_string())),
                    _ => Err(error.into()),
                };
            }
        };
        let Self { stage, coverage, live, .. } = self;
        let outputs = live
            .with(|live| {
                let outputs = stage.process(&mut live.image, action, &packet)?;
                for output in &outputs {
                    if let ActiveStageOutput::GraphicsUpdate(area) = output {
                        coverage.add(area);
                        live.changes += 1;
                    }
                }
                Ok(outputs)
            })
            .map_err(|error: ironrdp_session::SessionError| anyhow!("{}", error.report()))?;
        for output in outputs {
            match output {
                ActiveStageOutput::ResponseFrame(answer) if !answer.is_empty() => self.framed.write_all(&answer)?,
                ActiveStageOutput::Terminate(reason) => return Ok(Some(reason.description())),
                ActiveStageOutput::DeactivateAll => self.reactivate()?,
                _ => {}
            }
        }
        Ok(None)
    }

    /// The other side starts over, usually in another size (MS-RDPBCGR 1.3.1.3).
    fn reactivate(&mut self) -> anyhow::Result<()> {
        let mut sequence = self.activation.create();
        let mut answer = WriteBuf::new();
        let deadline = Instant::now() + REACTIVATION_WAIT;
        loop {
            if let ConnectionActivationState::Finalized { desktop_size, share_id, .. } =
                sequence.connection_activation_state()
            {
                self.coverage = all_missing(desktop_size);
                self.live.with(|live| live.image = empty(desktop_size));
                self.stage.set_share_id(share_id);
                let (io_channel_id, user_channel_id) = (sequence.io_channel_id(), sequence.user_channel_id());
                let processor = fast_path::ProcessorBuilder {
                    io_channel_id,
                    user_channel_id,
                    share_id,
                    enable_server_pointer: false,
                    pointer_software_rendering: false,
                    bulk_decompressor: None,
                };
                self.stage.set_fastpath_processor(processor.build());
                return Ok(());
            }
            answer.clear();
            let written = match sequence.next_pdu_hint() {
                Some(hint) => match self.framed.read_by_hint(hint) {
                    Ok(packet) => sequence.step(&packet, &mut answer),
                    Err(error) if is_timeout(&error) && Instant::now() < deadline => continue,
                    Err(error) => return Err(error.into()),
                },
                None => sequence.step_no_input(&mut answer),
            };
            let written = written.map_err(|error| anyhow!("{}", error.report()))?;
            if let Some(length) = written.size() {
                self.framed.write_all(&answer[..length])?;
            }
        }
    }
}

/// Whether nothing came within the socket's read timeout; what was read of a packet until then is kept.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn all_missing(size: DesktopSize) -> Coverage {
    Coverage::new(size.width.into(), size.height.into())
}
