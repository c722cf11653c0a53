//! Takes the segments of an SMS out of the budgets, for messages and for one-time codes.

use domain::ConnectionName;
use domain::scheduling::budget::{Bucket, Span};
use domain::settings::SmsBudget;

use crate::ports::{Clock, Contact, PortError, SmsReservation, SmsReserved, Store, World};

/// Takes the segments of an SMS out of the budgets of its number and of the connection, before it is sent: a function
/// that is killed in between can only have counted too much. `known` is what was read of the number. Returns what was
/// reserved, with its time; `None` if a budget is spent. An alarm watches the connection's.
///
/// # Errors
/// A port gave no result. The segments may stay counted.
pub async fn reserve_sms<W: World>(
    world: &W,
    connection: &ConnectionName,
    limits: &SmsBudget,
    mut sms: SmsReservation,
    mut known: Contact,
) -> Result<Option<SmsReservation>, PortError> {
    let (store, clock) = (world.store(), world.clock());
    let bucket = |at| Bucket::containing(Span::Day, at);
    loop {
        sms.at = clock.now();
        match store.reserve_sms(connection, &sms, &known).await? {
            SmsReserved::Reserved(spent) => {
                if limits.is_low(spent) {
                    world.observe_low_sms_budget(connection);
                }
                if bucket(sms.at) == bucket(clock.now()) {
                    return Ok(Some(sms));
                }
                // The bucket has ended meanwhile, and others may have read it before this was counted in it. It stays
                // counted there, and is counted once more in the next one.
                known = store.load_contact(connection, &sms.to).await?;
            }
            SmsReserved::NumberSpent => return Ok(None),
            SmsReserved::ConnectionSpent => {
                world.observe_low_sms_budget(connection);
                return Ok(None);
            }
        }
    }
}
