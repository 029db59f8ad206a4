package naming

import (
	"regexp"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestNamesOfTrustStores(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^([a-zA-Z0-9]+-)*[a-zA-Z0-9]+$`) // of AWS
	gateway := func(namespace, name string) stack.Key {
		return stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: namespace, Name: name}}
	}
	one, both := TrustStoreID([]string{"shop/ca"}), TrustStoreID([]string{"shop/ca", "shop/more"})
	seen := map[string]bool{}
	for _, name := range []string{
		TrustStore("demo", gateway("shop", "web"), one), TrustStore("demo", gateway("shop", "web"), both),
		TrustStore("other", gateway("shop", "web"), one),
		TrustStore("demo", gateway("shop", "web2"), one), TrustStore("demo", gateway("shop-production", "web.of-the.shop"),
			one), TrustStore("demo", gateway("a", "1"), one),
	} {
		if seen[name] || len(name) > 32 || !form.MatchString(name) ||
			!MayBeTrustStore("arn:aws:elasticloadbalancing:us-west-2:1:truststore/"+name+"/1") {
			t.Errorf("%s", name)
		}
		seen[name] = true
	}
	if got, want := TrustStore("demo", gateway("shop", "web"), one), "k8s-shop-web-4243a6a63f"; got != want {
		t.Errorf("%s, want %s: the name is part of the contract with earlier versions", got, want)
	}
	if TrustStoreID([]string{"a/b", "c/d"}) == TrustStoreID([]string{"a/b,c/d"}) && one == both {
		t.Error("lists are mixed up")
	}
	if IsTrustStoreID("corp-ca") || IsTrustStoreID("arn:aws:elasticloadbalancing:us-west-2:1:truststore/corp-ca/1") ||
		!IsTrustStoreID(one) {
		t.Error("names and identities are mixed up")
	}
	for prefix, want := range map[string]string{"trust-stores": "trust-stores/demo/n.pem", "a/b/": "a/b/demo/n.pem",
		"": "demo/n.pem"} {
		if got := TrustStoreObject(prefix, "demo", "n"); got != want {
			t.Errorf("prefix %q: %s", prefix, got)
		}
	}
}
