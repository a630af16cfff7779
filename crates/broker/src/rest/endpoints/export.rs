//! The whole log as one file, sent while it is read.

use crate::backend::{Backend, BackendError};
use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, web};
use hostler_events::payload::Role;
use hostler_log::export::ExportWriter;
use hostler_model::{Wall, limits};
use hostler_views::{Loaded, Views};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::mpsc;
use tracing::warn;

/// The type under which it is sent.
const MIME_TYPE: &str = "application/vnd.hostler.log";
/// Bytes of a piece, about.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that wait for a slow reader.
const PIECES: usize = 4;

/// The whole log, of all sites, in one file that can be verified on any machine.
#[utoipa::path(tag = "log", operation_id = "export_log", responses(
    (status = 200, body = Vec<u8>, content_type = "application/vnd.hostler.log"),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/log/export")]
pub(crate) async fn export(rest: web::Data<Rest>, caller: Caller) -> Result<HttpResponse, Problem> {
    // It is the log of all sites.
    caller.needs_in_farm(Role::Auditor)?;
    let (pieces, receiver) = mpsc::channel::<Result<Bytes, BackendError>>(PIECES);
    let backend = rest.backend.clone();
    let now = backend.wall();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(&*backend, now, &pieces) {
            warn!(%error, "a log was not exported to its end");
            // The reader sees that the answer ends too early.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    let body = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece.map_err(Problem::from), receiver))
    });
    Ok(HttpResponse::Ok().content_type(MIME_TYPE).streaming(body))
}

/// Writes the file piece by piece. The digest is that of the events that are in it.
fn write(
    backend: &dyn Backend,
    now: Wall,
    pieces: &mpsc::Sender<Result<Bytes, BackendError>>,
) -> Result<(), BackendError> {
    let (mut writer, mut piece) = ExportWriter::begin();
    let mut events = Vec::new();
    let mut gone = false;
    backend.scan(&mut |event| {
        piece.extend(writer.event(&event));
        if event.header().hlc.wall <= now.plus(limits::HELD_AHEAD_MS) {
            events.push(Arc::new(Loaded::take(event)));
        }
        if piece.len() >= PIECE_BYTES {
            gone = pieces.blocking_send(Ok(std::mem::take(&mut piece).into())).is_err();
        }
        if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if gone {
        return Ok(());
    }
    let mut views = Views::default();
    views.insert(events);
    let end = writer.finish(now, views.digest()).map_err(|e| BackendError::Log(e.to_string()))?;
    piece.extend(end);
    let _ = pieces.blocking_send(Ok(piece.into()));
    Ok(())
}
