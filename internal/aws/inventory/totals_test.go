package inventory

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// CheckTotals compares the kept totals with those of a walk over all stacks.
func (i *Inventory) CheckTotals(t testing.TB) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	have, want := i.sums(), newTotals()
	for key, e := range i.stacks {
		want.add(key, shareOf(&e.obs), 1)
	}
	if have.balancers != want.balancers || have.retained != want.retained || !maps.Equal(have.uses, want.uses) {
		t.Errorf("%d load balancers, %d retained, uses %v; want %d, %d, %v", have.balancers, have.retained, have.uses,
			want.balancers, want.retained, want.uses)
	}
	if d := cmp.Diff(want.users, have.users); d != "" && len(want.users)+len(have.users) > 0 {
		t.Errorf("users of certificates (-want +got):\n%s", d)
	}
}

// manyStacks returns an inventory of n stacks with a load balancer, a listener and a certificate each.
func manyStacks(n int) *Inventory {
	i := New(awsclient.Clients{}, Config{Now: time.Now})
	for s := range n {
		arn := fmt.Sprint("arn:", s)
		e := i.entry(stack.Key{ID: stack.ID{Name: fmt.Sprint(s)}})
		e.obs.LoadBalancers = []awsop.LoadBalancer{{ARN: arn, LoadBalancer: stack.LoadBalancer{Type: stack.Application}}}
		e.obs.Listeners = []awsop.Listener{{ARN: arn + "/l", Listener: stack.Listener{Certificates: []string{arn + "/c"},
			LoadBalancer: stack.Literal(stack.KindLoadBalancer, arn)}}}
		i.noteHaving(e)
	}
	return i
}

// TestScrapeCostsNoBytesOfOtherStacks has one stack change between two scrapes of the metrics.
func TestScrapeCostsNoBytesOfOtherStacks(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of the totals after a change of one stack, by stacks", func(n int) float64 {
		i := manyStacks(n)
		e := i.entry(stack.Key{ID: stack.ID{Name: "0"}})
		rules := 0
		return growth.Bytes(func() {
			rules++
			e.obs.Rules = append(e.obs.Rules, awsop.Rule{})
			i.noteHaving(e)
			if got := i.LoadBalancers(); got != n || i.HasRetained() || !i.FirstCertificateEnd().IsZero() {
				t.Errorf("%d load balancers, want %d", got, n)
			}
			for _, u := range i.QuotaUse() {
				if u.Limit == quota.RulesOfApplicationLoadBalancer && u.Used != rules {
					t.Errorf("%d rules, want %d", u.Used, rules)
				}
			}
		})
	})
}

// TestDeletionLooksAtNoStackAtRest has stacks at which a look would panic.
func TestDeletionLooksAtNoStackAtRest(t *testing.T) {
	t.Parallel()
	i := manyStacks(3)
	if n := i.LoadBalancers(); n != 3 {
		t.Fatalf("%d load balancers", n)
	}
	for key := range i.stacks {
		i.stacks[key] = nil
	}
	if n := i.LoadBalancers(); n != 3 || i.HasRetained() {
		t.Errorf("%d load balancers", n)
	}
}

// twoCertificates is an ACM with the certificates of two stacks of manyStacks.
type twoCertificates struct{ awsclient.ACM }

func (twoCertificates) ListCertificates(context.Context, *acm.ListCertificatesInput, ...func(*acm.Options)) (
	*acm.ListCertificatesOutput, error) {
	of := func(arn string, begin, end int64) types.CertificateSummary {
		return types.CertificateSummary{CertificateArn: &arn, DomainName: &arn, Status: types.CertificateStatusIssued,
			SubjectAlternativeNameSummaries: []string{arn}, NotBefore: aws.Time(time.Unix(begin, 0)),
			NotAfter: aws.Time(time.Unix(end, 0))}
	}
	return &acm.ListCertificatesOutput{CertificateSummaryList: []types.CertificateSummary{of("arn:0/c", -100, 20),
		of("arn:1/c", 2, 10)}}, nil
}

// TestRecountsAddNoCertificateTwice recounts a stack that alone uses a certificate, without a scrape and between
// scrapes.
func TestRecountsAddNoCertificateTwice(t *testing.T) {
	t.Parallel()
	i := manyStacks(2)
	i.certificates = certificate.New(awsclient.Clients{ACM: twoCertificates{}}, certificate.Config{Now: time.Now})
	if err := i.certificates.Read(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	recount := func() {
		i.noteHaving(i.entry(stack.Key{ID: stack.ID{Name: "0"}}))
		i.LoadBalancers()
	}
	for range 5 {
		recount()
	}
	if len(i.totals.unsorted) != 2 {
		t.Errorf("%d unsorted certificates of 2: %v", len(i.totals.unsorted), i.totals.unsorted)
	}
	for range 5 {
		if recount(); i.FirstCertificateEnd() != time.Unix(10, 0) {
			t.Errorf("first end %v", i.FirstCertificateEnd())
		}
		if at := i.FirstCertificateOverdue(); at != time.Unix(-10, 0) { // of the one that ends last
			t.Errorf("the first is overdue on %v", at)
		}
	}
	if ends := i.totals.byEnd; len(ends) != 2 || len(i.totals.byOverdue) != 2 {
		t.Errorf("%d ends of 2 certificates: %v", len(ends), ends)
	}
}
