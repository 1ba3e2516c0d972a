#[test]
fn threads_add() {
    assert_eq!(corpus::sum(8), 80);
}

#[test]
#[should_panic(expected = "meant")]
fn a_panic_is_caught() {
    panic!("this is meant");
}
