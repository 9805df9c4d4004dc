//! Points on earth as text.

use outlier_kernels::travel::Place;

/// Writes a point as Elasticsearch does: latitude and longitude in degrees, `52.3676,4.9041`.
pub fn point_text(place: Place) -> String {
    let (latitude, longitude) = place.degrees();
    format!("{latitude:.4},{longitude:.4}")
}

/// Reads a point: `52.3676,4.9041`, or `POINT (4.9041 52.3676)`, where the longitude comes first.
pub fn parse_point(text: &str) -> Option<Place> {
    let degrees = |text: &str| text.trim().parse::<f64>().ok();
    let text = text.trim();
    if let Some((latitude, longitude)) = text.split_once(',') {
        // a third number is the height
        let longitude = longitude.split(',').next().unwrap_or_default();
        return Place::of_degrees(degrees(latitude)?, degrees(longitude)?);
    }
    let (word, numbers) = text.split_once('(')?;
    let numbers = numbers.strip_suffix(')').filter(|_| word.trim().eq_ignore_ascii_case("point"))?;
    let mut numbers = numbers.split_whitespace().map(degrees);
    let (longitude, latitude) = (numbers.next()??, numbers.next()??);
    Place::of_degrees(latitude, longitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let found = parse_point(text).map(point_text);
        assert_eq!(found.as_deref(), expected, "{text:?}");
        let again = found.as_deref().and_then(parse_point);
        assert_eq!(again, parse_point(text), "{text:?}");
    }

    #[test]
    fn texts_are_points() {
        check("52.3676,4.9041", Some("52.3676,4.9041"));
        check(" 52.36761 , -4 ", Some("52.3676,-4.0000"));
        check("-33.9,151.2,40", Some("-33.9000,151.2000"));
        check("POINT (4.9041 52.3676)", Some("52.3676,4.9041"));
        check("point(-71.34 41.12 3)", Some("41.1200,-71.3400"));
        check("-0.00001,5", Some("0.0000,5.0000"));
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "",
            ",",
            "52.3676",
            "north,west",
            "91,0",
            "52,181",
            "nan,1",
            "inf,inf",
            "0,0",
            "52;4",
            "POINT (4)",
            "LINE (4 5)",
            "POINT (4 5",
            "drm3btev3e86",
            "52,",
            ",4",
            "٥٢,٤",
        ] {
            check(text, None);
        }
    }
}
