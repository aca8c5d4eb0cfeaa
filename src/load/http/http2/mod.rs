//! Requests on the streams of a [`Session`](crate::load::h2::Session): a [`Prepared`] is what is sent on one of them.

mod exchange;
mod request;

pub(super) use request::Prepared;

#[cfg(test)]
mod tests;
