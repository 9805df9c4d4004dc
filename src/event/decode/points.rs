//! Points on earth in JSON, in the forms that Elasticsearch takes for a `geo_point`.

use outlier_kernels::travel::Place;

use super::cursor::{Cursor, Kind, string_content, unescaped};
use super::members::members;
use crate::event::geo::parse_point;

/// Members that hold the latitude and the longitude of an object; Microsoft's have long names.
const NAMES: [&str; 5] = ["lat", "lon", "latitude", "longitude", "coordinates"];

/// Calls `push` with each point of `raw`: an object, a text, a list `[longitude, latitude]`, or a
/// list of such points.
pub(super) fn points(raw: &str, scratch: &mut String, mut push: impl FnMut(Place)) {
    if Kind::of(raw) != Kind::Array || is_pair(raw) {
        return point(raw, scratch).into_iter().for_each(push);
    }
    let mut list = Cursor::new(raw);
    list.enter();
    while list.next() {
        point(list.value(), scratch).into_iter().for_each(&mut push);
    }
}

/// True for a list that begins with a number.
fn is_pair(raw: &str) -> bool {
    let mut list = Cursor::new(raw);
    list.enter();
    list.next() && list.peek() == Kind::Number
}

fn point(raw: &str, scratch: &mut String) -> Option<Place> {
    match Kind::of(raw) {
        Kind::String => parse_point(unescaped(string_content(raw), scratch)),
        Kind::Array => pair(raw, scratch),
        Kind::Object => {
            let [lat, lon, latitude, longitude, coordinates] = members(raw, NAMES)?;
            match (lat.or(latitude), lon.or(longitude), coordinates) {
                (Some(latitude), Some(longitude), _) => {
                    Place::of_degrees(degrees(latitude, scratch)?, degrees(longitude, scratch)?)
                }
                // GeoJSON
                (None, None, Some(coordinates)) if Kind::of(coordinates) == Kind::Array => pair(coordinates, scratch),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The point of `[longitude, latitude]`, which a height may follow.
fn pair(raw: &str, scratch: &mut String) -> Option<Place> {
    let mut list = Cursor::new(raw);
    list.enter();
    let mut next = || list.next().then(|| list.value());
    let (longitude, latitude, height, more) = (next()?, next()?, next(), next());
    if height.is_some_and(|height| Kind::of(height) != Kind::Number) || more.is_some() {
        return None;
    }
    Place::of_degrees(degrees(latitude, scratch)?, degrees(longitude, scratch)?)
}

fn degrees(raw: &str, scratch: &mut String) -> Option<f64> {
    match Kind::of(raw) {
        Kind::Number => raw.parse().ok(),
        Kind::String => unescaped(string_content(raw), scratch).trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::geo::point_text;

    fn check(raw: &str, expected: &[&str]) {
        let mut found = Vec::new();
        points(raw, &mut String::new(), |place| found.push(point_text(place)));
        assert_eq!(found, expected, "{raw}");
    }

    #[test]
    fn points_have_many_forms() {
        let amsterdam = "52.3676,4.9041";
        check(r#"{"lat": 52.3676, "lon": 4.9041}"#, &[amsterdam]);
        check(r#"{"lon":"4.9041","x":[1],"lat":" 52.3676"}"#, &[amsterdam]);
        check(r#"{"altitude":0,"latitude":52.3676,"longitude":4.9041}"#, &[amsterdam]);
        check(r#"{"type":"Point","coordinates":[4.9041,52.3676]}"#, &[amsterdam]);
        check("[4.9041, 52.3676]", &[amsterdam]);
        check("[4.9041, 52.3676, -3]", &[amsterdam]);
        check(r#""52.3676,4.9041""#, &[amsterdam]);
        check(r#""52.3676\u002c4.9041""#, &[amsterdam]);
        check(r#"["52.3676,4.9041", {"lat": 1, "lon": 2}, [3, 4]]"#, &[amsterdam, "1.0000,2.0000", "4.0000,3.0000"]);
        check("[4e0, 5.2E1]", &["52.0000,4.0000"]);
    }

    #[test]
    fn what_is_not_a_point_is_passed_over() {
        for raw in [
            "null",
            "true",
            "5",
            "[]",
            "[5]",
            "[181, 5]",
            "[5, 91]",
            "[5, 6, 7, 8]",
            "[5, 6, \"x\"]",
            "[1e999, 5]",
            "{}",
            r#"{"lat": 5}"#,
            r#"{"lat": "north", "lon": "west"}"#,
            r#"{"lat": {}, "lon": []}"#,
            r#"{"coordinates": 5}"#,
            r#"{"coordinates": [[1, 2], [3, 4]]}"#,
            "\"\"",
            r#"{"lat": 0, "lon": 0}"#,
            "[[[1, 2]]]",
            r#"["x", null, {}]"#,
        ] {
            check(raw, &[]);
        }
    }
}
