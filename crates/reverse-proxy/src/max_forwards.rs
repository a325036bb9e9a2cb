use http::{HeaderMap, HeaderValue, Method, header};

/// Counts a hop (RFC 9110, section 7.6.2). Whether the request ends here.
pub(crate) fn ends_here(method: &Method, headers: &mut HeaderMap) -> bool {
    if *method != Method::OPTIONS {
        return false;
    }
    let Some(left) = headers.get(header::MAX_FORWARDS).and_then(|value| value.to_str().ok()?.parse::<u32>().ok())
    else {
        return false;
    };
    match left.checked_sub(1) {
        Some(left) => {
            headers.insert(header::MAX_FORWARDS, HeaderValue::from(left));
            false
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_counted_and_the_last_one_answers() {
        for (method, left, ends, then) in [
            (Method::OPTIONS, "2", false, "1"),
            (Method::OPTIONS, "0", true, "0"),
            (Method::OPTIONS, "many", false, "many"),
            (Method::GET, "0", false, "0"),
        ] {
            let mut headers = HeaderMap::from_iter([(header::MAX_FORWARDS, HeaderValue::from_static(left))]);
            assert_eq!(ends_here(&method, &mut headers), ends, "{method} {left}");
            assert_eq!(headers[header::MAX_FORWARDS], then);
        }
    }
}
