package scene

import "testing"

// TestAMarkIsNotFoundAtTheEndOfALongerName shows that the search for leftovers of a test does not
// confuse namespaces whose names end or begin alike.
func TestAMarkIsNotFoundAtTheEndOfALongerName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"Value":"shop/web"}`:                         true,
		`shop/web`:                                     true,
		`{"Value":"workshop/web"}`:                     false,
		`{"Value":"work-shop/web"}`:                    false,
		`work-shop/web, shop/other`:                    true,
		`loadbalancer/app/k8s-shop-web-0123456789`:     true,
		`loadbalancer/app/k8s-shopping-web-0123456789`: false,
		`nothing`: false,
	} {
		if got := names(text, Marks("shop")); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
