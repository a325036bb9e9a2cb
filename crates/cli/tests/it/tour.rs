use crate::ran::skybridge;

#[tokio::test]
async fn every_step_of_the_tour_is_as_expected() {
    let ran = skybridge(["tour"]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{}", ran.out);
    for step in 1..=12 {
        assert!(ran.out.contains(&format!("{step}/12  ")), "step {step} is missing: {}", ran.out);
    }
    assert!(!ran.out.contains("WRONG") && !ran.out.contains("wonderland"), "{}", ran.out);
    assert!(ran.out.ends_with("All 12 steps went as they should.\n"), "{}", ran.out);
}

#[tokio::test]
async fn its_help_says_what_it_does() {
    let ran = skybridge(["tour", "--help"]).await;
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("Usage: skybridge tour"), "{}", ran.out);
}
