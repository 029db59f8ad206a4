package allowlist

import (
	"strings"
	"testing"
)

func TestNetworkingByNamespace(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":                               "shop: , other: ",
		"none":                           "shop: , other: ",
		"*":                              "shop: port source, other: port source",
		"shop=*":                         "shop: port source, other: ",
		"any-port":                       "shop: port, other: port",
		"shop=any-source":                "shop: source, other: ",
		"shop=any-source other=any-port": "shop: source, other: port",
	} {
		l, err := Networking(strings.Fields(list))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, namespace := range []string{"shop", "other"} {
			var may []string
			if l.Allow(namespace, AnyPort) {
				may = append(may, "port")
			}
			if l.Allow(namespace, AnySource) {
				may = append(may, "source")
			}
			got = append(got, namespace+": "+strings.Join(may, " "))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%q: %s, want %s", list, text, want)
		}
	}
	for _, item := range []string{"any", "any-*", "shop=", "Shop=*", "22", "shop=none"} {
		if _, err := Networking([]string{item}); err == nil {
			t.Errorf("%q is taken", item)
		}
	}
}
