//! For tests: the world in memory. One implementation of each of the engine's ports, over one state.
//!
//! Every call of a port is numbered and recorded, and asks the world's [`FaultPolicy`] what goes wrong with it: a
//! [`Script`] has the faults that a test wants, [`Dice`] rolls for them. Time moves only when a test moves it.

mod account;
mod api_store;
mod calendly;
mod call;
mod connections;
mod crm;
mod dice;
mod fake;
mod fault;
mod messaging;
mod random;
mod script;
mod settings_store;
mod state;
mod store;
mod timers;
mod world;

pub use call::Call;
pub use dice::{Dice, Odds};
pub use fake::{Fake, TIME_OUT};
pub use fault::{Fault, FaultPolicy};
pub use random::Random;
pub use script::Script;
pub use state::{CalendlyState, Effect, FakeCrmContact, State};
pub use world::{Mixed, PEPPER, WithoutMessaging};
