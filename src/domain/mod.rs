//! Words and rules of the field: plain values, and plain functions from values to
//! values. Nothing here reads a clock, draws a random number or touches the world;
//! what a rule needs is handed to it.

pub mod blocked;
pub mod case;
pub mod clock_watch;
pub mod component;
pub mod diagnosis;
pub mod disk;
pub mod fault;
pub mod finding;
pub mod history;
pub mod inward;
pub mod moment;
pub mod names;
pub mod network;
pub mod observation;
pub mod office;
pub mod outage;
pub mod passport;
pub mod printable;
pub mod queue;
pub mod quota;
pub mod random;
pub mod recurrence;
pub mod reference;
pub mod report;
pub mod run;
pub mod secret;
pub mod stopwatch;

pub use component::ComponentId;
pub use fault::Fault;
pub use inward::Inward;
pub use moment::{Clock, Moment};
pub use names::{BilingualName, StepName};
pub use network::Network;
pub use observation::{Engine, Observation, Outcome, Why};
pub use random::Random;
pub use run::{RunNumber, RunReport};
pub use secret::Secret;
