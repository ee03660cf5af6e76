//! Talks to the provider: one create or one poll at a time, each ending in a reply that the engine understands.
//!
//! Start at [`VideoApi`]; [`http`] is the real one. [`wire`] builds request bodies and reads answers, [`classify`]
//! decides what an answer means. Whether and when to call is the engine's decision, never this module's, and nothing
//! here knows state, manifest or terminal.

pub mod classify;
pub mod http;
pub mod wire;

use crate::engine::event::{Origin, PollReply, SubmitReply, TaskId};
use crate::plan::VideoRequest;

/// The provider as the runner sees it. Calls never fail: whatever happens is a reply.
pub trait VideoApi {
    /// Sends one create request, once, on a fresh connection.
    fn submit(&self, request: &VideoRequest) -> impl Future<Output = SubmitReply> + Send + 'static;

    /// Asks for one task at the origin that made it.
    fn poll(
        &self,
        origin: &Origin,
        task_id: &TaskId,
    ) -> impl Future<Output = PollReply> + Send + 'static;
}
