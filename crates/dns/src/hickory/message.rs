//! DNS messages (RFC 1035) as they go over HTTPS: one query, and the answer to it.

use super::{
    answer::{Found, Missing},
    doh_error::DohError,
};
use hickory_resolver::proto::{
    ProtoError,
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata::opt::EdnsOption},
};
use std::{
    io::{Error, ErrorKind},
    time::Duration,
};

/// The same for the same question, so that what lies between can keep the answer (RFC 8484, section 4.1).
const ID: u16 = 0;
/// EDNS's padding (RFC 7830), with what stands before its bytes.
const PADDING: (u16, usize) = (12, 4);
/// Whose multiples long a query is, so that its length doesn't tell the name (RFC 8467, section 4.1).
const BLOCK: usize = 128;
/// What is taken for never (RFC 2181, section 8).
const MAX_TTL: u32 = i32::MAX as u32;

pub(super) fn query(name: &Name, kind: RecordType) -> Result<Vec<u8>, ProtoError> {
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    // How long an answer may be is not EDNS's to say here.
    let mut edns = Edns::new();
    edns.set_max_payload(u16::MAX);
    message.set_edns(edns.clone());
    let len = message.to_vec()?.len() + PADDING.1;
    edns.options_mut().insert(EdnsOption::Unknown(PADDING.0, vec![0; len.next_multiple_of(BLOCK) - len]));
    message.set_edns(edns);
    message.to_vec()
}

/// What the answer to a query says.
pub(super) fn read(message: &[u8], name: &Name, kind: RecordType) -> Result<Found, Missing> {
    let unknown = |error: DohError| Missing::Unknown(error.into());
    let message = Message::from_vec(message)
        .map_err(|error| Missing::Unreadable(DohError::Malformed(ProtoError::from(error).into()).into()))?;
    let header = &message.metadata;
    let is_answer = header.id == ID && header.message_type == MessageType::Response && header.op_code == OpCode::Query;
    if !is_answer || *message.queries != [Query::query(name.clone(), kind)] {
        return Err(unknown(DohError::AnotherQuestion));
    }
    if header.truncation {
        return Err(unknown(DohError::Truncated));
    }
    match header.response_code {
        ResponseCode::NoError => found(message.answers, name, kind),
        ResponseCode::NXDomain => {
            Err(Missing::Name(Error::new(ErrorKind::NotFound, "the DNS server knows no such name")))
        }
        code => Err(unknown(DohError::ResponseCode(code.into()))),
    }
}

/// The records of the name, or of the one that it is an alias of, in however many steps: whoever is asked follows them.
fn found(answers: Vec<Record>, name: &Name, kind: RecordType) -> Result<Found, Missing> {
    let mut answers: Vec<_> = answers.into_iter().filter(|record| record.dns_class == DNSClass::IN).collect();
    let (mut name, mut records) = (name.clone(), Vec::new());
    let is_alias = |record: &Record, name: &Name| record.name == *name && record.record_type() == RecordType::CNAME;
    // Each is followed once, so that there is an end.
    while let Some(at) = answers.iter().position(|record| is_alias(record, &name)) {
        let alias = answers.swap_remove(at);
        if let RData::CNAME(target) = &alias.data {
            name = target.0.clone();
        }
        records.push(alias);
    }
    let aliases = records.len();
    records.extend(answers.into_iter().filter(|record| record.name == name && record.record_type() == kind));
    if records.len() == aliases {
        return Err(Missing::Records);
    }
    let ttl = records.iter().map(|record| if record.ttl > MAX_TTL { 0 } else { record.ttl }).min();
    Ok(Found { records, ttl: Duration::from_secs(ttl.unwrap_or(0).into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::{A, CNAME};

    fn name(text: &str) -> Name {
        let mut name = Name::from_ascii(text).unwrap();
        name.set_fqdn(true);
        name
    }

    fn address(of: &str, last: u8, ttl: u32) -> Record {
        Record::from_rdata(name(of), ttl, RData::A(A::new(192, 0, 2, last)))
    }

    fn alias(of: &str, to: &str, ttl: u32) -> Record {
        Record::from_rdata(name(of), ttl, RData::CNAME(CNAME(name(to))))
    }

    fn asked() -> Query {
        Query::query(name("a.test"), RecordType::A)
    }

    /// An answer to the question for A records of `a.test`, with these.
    fn answer(records: impl IntoIterator<Item = Record>) -> Message {
        let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
        message.add_query(asked());
        message.add_answers(records);
        message
    }

    fn read_it(message: &Message) -> Result<Found, Missing> {
        read(&message.to_vec().unwrap(), &name("a.test"), RecordType::A)
    }

    /// The last bytes of the addresses, and their time to live; `None` where there are none.
    fn addresses(records: impl IntoIterator<Item = Record>) -> Option<(Vec<u8>, u64)> {
        let found = match read_it(&answer(records)) {
            Err(Missing::Records) => return None,
            found => found.unwrap_or_else(|missing| panic!("{missing:?}")),
        };
        let last = |record: &Record| match &record.data {
            RData::A(ip) => Some(ip.octets()[3]),
            _ => None,
        };
        Some((found.records.iter().filter_map(last).collect(), found.ttl.as_secs()))
    }

    #[test]
    fn a_query_is_as_long_as_others_and_the_same_each_time() {
        for len in 1..=63 {
            let name = name(&format!("{}.test", "a".repeat(len)));
            let bytes = query(&name, RecordType::HTTPS).unwrap();
            assert_eq!(bytes.len(), 128, "{len}");
            assert_eq!(bytes, query(&name, RecordType::HTTPS).unwrap());
            let message = Message::from_vec(&bytes).unwrap();
            assert!(message.metadata.id == 0 && message.metadata.recursion_desired);
            assert_eq!(message.queries, [Query::query(name, RecordType::HTTPS)]);
        }
        let long = name(&[["a"; 60].concat(), ["b"; 60].concat()].join("."));
        assert_eq!(query(&long, RecordType::A).unwrap().len(), 256);
    }

    #[test]
    fn an_alias_is_followed_in_whatever_order_and_kept_no_longer_than_its_shortest_part() {
        let chain = || vec![alias("a.test", "b.test", 60), alias("B.test", "c.test", 40), address("C.TEST", 1, 50)];
        assert_eq!(addresses(chain()), Some((vec![1], 40)));
        assert_eq!(addresses(chain().into_iter().rev()), Some((vec![1], 40)));
        assert_eq!(addresses([alias("a.test", "b.test", 20), address("b.test", 1, 30)]), Some((vec![1], 20)));
    }

    #[test]
    fn an_alias_that_leads_nowhere_or_in_a_circle_has_no_records() {
        assert_eq!(addresses([]), None);
        assert_eq!(addresses([alias("a.test", "b.test", 60)]), None);
        assert_eq!(addresses([alias("a.test", "a.test", 60)]), None);
        assert_eq!(addresses([alias("a.test", "b.test", 60), alias("b.test", "a.test", 60)]), None);
        let many = (0..1000).map(|i| alias(&format!("a{i}.test"), &format!("a{}.test", i + 1), 60));
        assert_eq!(addresses([alias("a.test", "a0.test", 60)].into_iter().chain(many)), None);
    }

    #[test]
    fn records_of_others_are_passed_over() {
        let mut chaos = address("a.test", 3, 5);
        chaos.dns_class = DNSClass::CH;
        let own = [address("b.test", 1, 5), address("A.test", 2, 60), chaos, alias("c.test", "a.test", 5)];
        assert_eq!(addresses(own), Some((vec![2], 60)));
        // Once it is an alias, what else is said of it isn't so.
        let both = [alias("a.test", "b.test", 60), address("a.test", 1, 60), address("b.test", 2, 60)];
        assert_eq!(addresses(both), Some((vec![2], 60)));
    }

    #[test]
    fn a_time_to_live_that_is_too_long_is_none() {
        assert_eq!(addresses([address("a.test", 1, i32::MAX as u32)]), Some((vec![1], i32::MAX as u64)));
        assert_eq!(addresses([address("a.test", 1, 1 << 31)]), Some((vec![1], 0)));
    }

    fn error(message: &Message) -> String {
        match read_it(message) {
            Err(Missing::Unknown(error)) => error.get_ref().unwrap().to_string(),
            other => panic!("{:?}", other.map(|found| found.records)),
        }
    }

    #[test]
    fn what_is_no_answer_to_the_question_says_nothing() {
        let full = || answer([address("a.test", 1, 60)]);
        let changes: [fn(&mut Message); 7] = [
            |message| message.metadata.id = 1,
            |message| message.metadata.message_type = MessageType::Query,
            |message| message.metadata.op_code = OpCode::Status,
            |message| message.queries.clear(),
            |message| message.queries.push(asked()),
            |message| message.queries = vec![Query::query(name("b.test"), RecordType::A)],
            |message| message.queries = vec![Query::query(name("a.test"), RecordType::AAAA)],
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut message = full();
            change(&mut message);
            assert_eq!(error(&message), "the answer is to another question", "{at}");
        }
        let mut message = full();
        message.metadata.truncation = true;
        assert_eq!(error(&message), "the answer is cut");
        let codes = [
            (ResponseCode::ServFail, "the DNS server failed to find out (SERVFAIL)"),
            (ResponseCode::Refused, "the DNS server refuses to tell (REFUSED)"),
            (ResponseCode::BADVERS, "the DNS server can't tell (response code 16)"),
        ];
        for (code, told) in codes {
            let mut message = full();
            message.set_edns(Edns::new());
            message.metadata.response_code = code;
            assert_eq!(error(&message), told, "{code}");
        }
    }

    #[test]
    fn that_there_is_no_such_name_is_an_answer() {
        let mut message = answer([]);
        message.metadata.response_code = ResponseCode::NXDomain;
        assert!(matches!(read_it(&message), Err(Missing::Name(_))));
    }

    #[test]
    fn what_is_malformed_is_told_so() {
        let whole = answer([address("a.test", 1, 60)]).to_vec().unwrap();
        for len in 0..whole.len() {
            let read = read(&whole[..len], &name("a.test"), RecordType::A);
            assert!(matches!(read, Err(Missing::Unreadable(_))), "{len}");
        }
    }
}
