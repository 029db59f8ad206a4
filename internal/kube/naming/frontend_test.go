package naming

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestFrontendNamesAreThoseOfTheDocumentedExamples(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		FrontendLoadBalancer("k8s-shop-webfront-a928ab0da7"):                          "k8s-shop-webfront-a928ab0da7-nlb",
		FrontendLoadBalancer("an-explicit-name-with-32-letters"):                      "an-explicit-name-with-32-let-nlb",
		FrontendLoadBalancer("web"):                                                   "web-nlb",
		FrontendTargetGroup("demo-cluster", webFront, 443, stack.TrafficPort, "HTTP"): "k8s-shop-webfront-840b59972c",
		FrontendTargetGroup("demo-cluster", awesome, 80, stack.TrafficPort, "HTTP"):   "k8s-myteamawesomegrou-00e0d1fb3e",
		FrontendListenerID(443):                                                       "FrontendNlb-ls-TCP-443",
		FrontendTargetGroupID(443):                                                    "FrontendNlb-tg-TCP-443",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestASuccessorsNameDiffersByPortAndKeepsItsLength(t *testing.T) {
	t.Parallel()
	const name = "k8s-shop-webfront-840b59972c"
	a, b := Successor(name, 443), Successor(name, 8443)
	if a == b || a == name || len(a) != len(name) || a[:18] != name[:18] {
		t.Errorf("%s and %s for %s", a, b, name)
	}
}
