package compile

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestCertificatesRememberWhoBroughtThem(t *testing.T) {
	t.Parallel()
	at := func(arn string, namespaces ...string) stack.BroughtCertificate {
		return stack.BroughtCertificate{Port: 443, ARN: arn, Namespaces: namespaces}
	}
	by := func(all ...stack.BroughtCertificate) *build {
		b := &build{broughtBy: map[portCertificate][]string{}}
		for _, c := range all {
			b.broughtBy[portCertificate{c.Port, c.ARN}] = c.Namespaces
		}
		return b
	}
	if got := by(at("a", "shop"), at("b", "shop")).brought(nil); got != nil {
		t.Errorf("of one namespace: %v", got)
	}
	first := by(at("a", "shop"), at("b", "blog", "shop"), at("c", "shop")).brought(nil)
	if diff := cmp.Diff([]stack.BroughtCertificate{at("a", "shop"), at("b", "blog", "shop"), at("c", "shop")},
		first); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(&Memory{Certificates: first})
	var read Memory
	if err != nil || json.Unmarshal(text, &read) != nil {
		t.Fatal(err)
	}
	second := by(at("b", "blog"), at("c", "shop")).brought(read.Certificates)
	if diff := cmp.Diff([]stack.BroughtCertificate{at("a", "shop"), at("b", "blog"), at("c", "shop")},
		second); diff != "" {
		t.Error(diff)
	}
	var many []stack.BroughtCertificate
	for i := range 2 * mostFormer {
		many = append(many, at(fmt.Sprint("former", i), "shop"))
	}
	if got := by(at("b", "blog")).brought(many); len(got) != mostFormer+1 || got[0].ARN != fmt.Sprint("former",
		mostFormer) {
		t.Errorf("%v", got)
	}
	// a tenant that names many certificates for a while takes the place of no other one's
	if got := by(at("b", "blog")).brought(slices.Concat(first[:1], []stack.BroughtCertificate{at("x", "mal"), at("y",
		"mal")}, many)); len(got) != mostFormer+1 || got[0].ARN != "x" {
		t.Errorf("%v", got)
	}
}
