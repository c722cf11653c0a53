//! The calls of the ports, by their names.

/// A call of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    Aliases,
    LoadBooking,
    CommitDecision,
    /// `replace_command`, when the command becomes claimed.
    Claim,
    /// `replace_command`, when the command was claimed.
    Settle,
    /// Any other `replace_command`.
    ReplaceCommand,
    LoadPayload,
    MarkEventTypesChanged,
    LoadContact,
    WriteObjection,
    ReserveSms,
    CorrectSms,
    WriteShortLinks,
    LoadSettingsVersion,
    WriteSettings,
    ListSettingsVersions,
    LoadReplan,
    WriteReplan,
    ListUpcoming,
    LoadImport,
    WriteImport,
    LoadCrmContact,
    WriteCrmContact,
    ClaimNonce,
    StoreUnhandledEvent,
    ListConnections,
    LoadConnection,
    WriteConnection,
    DeleteConnection,
    LoadRequest,
    ReserveBudget,
    CloseBudget,
    FindInvitee,
    FindByConversation,
    EventTypesChangedAt,
    PutMetadata,
    PutHold,
    LoadHold,
    TakePermits,
    FindBookings,
    BookingRecord,
    DeliveryRecords,
    CountBookings,
    LastWebhook,
    SetPublishing,
    FetchInvitee,
    ListInvitees,
    CreateBooking,
    FindBooking,
    CancelEvent,
    FetchHostZone,
    CreateSingleUseLink,
    ListEventTypes,
    ListAvailableTimes,
    ListAppointments,
    FetchOriginalForm,
    SetNoShow,
    ListAvailabilitySchedules,
    ListBusyTimes,
    FetchUser,
    ListSubscriptions,
    SendSms,
    SendEmail,
    CallVai,
    UpdateContact,
    SendCrmEvent,
    AskConsent,
    /// The deliveries queue is told of new events.
    Publish,
    SetTimer,
    RemoveTimer,
    Bury,
}

impl Call {
    /// Whether a provider is called, for a command.
    pub fn is_provider(self) -> bool {
        matches!(self, Self::SendSms | Self::SendEmail | Self::CallVai)
    }

    /// Whether this is one of the calls that performing a command takes, one after the other.
    pub(crate) fn is_of_performing(self) -> bool {
        self.is_provider() || matches!(self, Self::LoadContact | Self::Claim | Self::Settle | Self::ReserveSms)
    }
}
