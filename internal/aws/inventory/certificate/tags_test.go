package certificate

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestACertificateIsOwnedByTagsOfEachKindOfOwnerThatMayOwnOne(t *testing.T) {
	t.Parallel()
	for _, k := range owner.Kinds {
		c, r := imports(0), record{}
		c.setTags(&r, naming.Tracking(k.Owner, "demo", "shop/web", "imported/shop-tls"))
		if r.Owned != k.OwnsCertificates {
			t.Errorf("tags of %s: owned %v", k.Owner, r.Owned)
		}
		c.setTags(&r, map[string]string{naming.StackTag(k.Owner): "shop/web"})
		if r.Owned || len(c.byStack) > 0 {
			t.Errorf("a certificate without the tag of a cluster is owned by %s", k.Owner)
		}
	}
}

func keyOf(n int) stack.Key {
	return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: fmt.Sprint("web-", n)}}
}

// imports are the certificates of n stacks, one each, which were imported and tagged.
func imports(n int) *Certificates {
	c := New(awsclient.Clients{}, Config{Cluster: "demo", Import: true,
		Now: func() time.Time { return time.Unix(1000, 0) }})
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range n {
		r := &record{Certificate: facts.Certificate{ARN: fmt.Sprint("arn:", i), Type: "IMPORTED", Status: facts.Issued,
			Domains: []string{fmt.Sprintf("web-%d.example.com", i)}}}
		c.records[r.ARN] = r
		c.setTags(r, naming.Tracking(stack.Ingress, "demo", fmt.Sprint("shop/web-", i), "imported/shop-tls"))
	}
	c.publish()
	return c
}

// TestRenewalCostsNoBytesOfOtherCertificates has a Secret renewed, whose certificate is imported again.
func TestRenewalCostsNoBytesOfOtherCertificates(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a renewal, by certificates", func(n int) float64 {
		c := imports(n)
		op := awsop.ImportCertificate{At: stack.Literal(stack.KindCertificate, "arn:7"), Certificate: stack.Certificate{
			ID: "imported/shop-tls", Domain: "web-7.example.com", Import: &stack.KeyPair{Hash: "1"}}}
		return growth.Bytes(func() {
			c.imports.own = map[string][]time.Time{}
			c.records["arn:7"].imports = nil
			c.Record(keyOf(7), op, awsop.Output{ID: "arn:7"}, func(r stack.Ref) string { return r.Literal })
		})
	})
}

// TestImportsOfTheLastYearAreCountedOnce has imports that a list and this process report, in any order.
func TestImportsOfTheLastYearAreCountedOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	c := imports(3)
	c.cfg.Now = func() time.Time { return now }
	c.imported("a", "arn:1", now)
	c.noticed(c.records["arn:2"], now.Add(-time.Hour))
	c.noticed(c.records["arn:2"], now.Add(-time.Hour))
	c.noticed(c.records["arn:0"], now.Add(-importYear+time.Minute))
	c.noticed(c.records["arn:0"], time.Time{})
	c.forget("arn:2")
	for _, want := range []int{3, 2, 0} {
		if got := c.ImportsLastYear(); got != want {
			t.Errorf("%d imports, want %d", got, want)
		}
		now = now.Add(map[int]time.Duration{3: 2 * time.Minute, 2: importYear}[want])
	}
}

// TestPassLooksAtNoCertificateOfOtherStacks has a certificate at which a look would panic.
func TestPassLooksAtNoCertificateOfOtherStacks(t *testing.T) {
	t.Parallel()
	c := imports(2)
	c.records["arn:0"].Type = "AMAZON_ISSUED"
	if !c.needed("WEB-0.example.com", "arn:1") || c.needed("web-0.example.com", "arn:0") ||
		c.needed("web-1.example.com", "arn:0") {
		t.Error("a validation record of another certificate is not found")
	}
	if arns, err := c.untagged(); err != nil || len(arns) > 0 {
		t.Errorf("untagged: %v, %v", arns, err)
	}
	c.records["arn:other"] = nil
	if own, pending := c.ownARNs(keyOf(1)); len(own) != 1 || own[0] != "arn:1" || len(pending) > 0 {
		t.Errorf("own: %v, pending: %v", own, pending)
	}
	if c.needed("web-1.example.com", "arn:1") || c.ImportsLastYear() != 0 {
		t.Error("another certificate needs the validation record")
	}
	if wait := c.Wait(keyOf(1)); wait != 0 {
		t.Errorf("waits for %v", wait)
	}
	if arns, err := c.untagged(); err != nil || len(arns) > 0 {
		t.Errorf("untagged: %v, %v", arns, err)
	}
	delete(c.records, "arn:other")
	c.mu.Lock()
	c.forget("arn:1")
	c.mu.Unlock()
	if own, _ := c.ownARNs(keyOf(1)); len(own) > 0 || len(c.byStack) != 1 {
		t.Errorf("one that is gone: %v", own)
	}
}
