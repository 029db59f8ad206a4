package inventory_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	listedCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	publicSubnet      = "subnet-0a1de0000000000a1"
)

// empty has calls of an operation answer with nothing in it.
func (f *fixture) empty(action string, times int) {
	f.Helper()
	if _, err := f.sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Empty: true, Times: times}); err != nil {
		f.Fatal(err)
	}
}

func TestAnEmptyPageForgetsNoCertificate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	covered := func() bool {
		_, uncovered := facts.DiscoverCertificates(f.answer(facts.Need{Kind: facts.NeedCertificates}),
			[]string{"www.example.com"}, nil)
		return len(uncovered) == 0
	}
	if !covered() {
		t.Fatal("the account has no certificate for www.example.com")
	}
	for _, also := range []string{"", "DescribeCertificate"} {
		f.empty("ListCertificates", 0)
		if also != "" {
			f.empty(also, 0)
		}
		f.clock.Advance(time.Hour)
		if !covered() {
			t.Errorf("an empty page of ListCertificates (and %q) makes a certificate disappear", also)
		}
		f.sim.Gate.ClearFaults()
	}
}

// TestWhatAListLacksIsReadByItsID begins with lists that lack what load balancers have.
func TestWhatAListLacksIsReadByItsID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, list, read string // operations
		need             facts.NeedKind
		has              inventory.LostParts
		lacks            inventory.LostParts
		found            bool
	}{
		{"certificate", "ListCertificates", "DescribeCertificate", facts.NeedCertificates, inventory.LostParts{
			Certificates: []string{listedCertificate}},
			inventory.LostParts{Certificates: []string{listedCertificate[:len(listedCertificate)-4] + "dead",
				"arn:aws:iam::123456789012:server-certificate/web"}}, true},
		{"security group", "DescribeSecurityGroups", "DescribeSecurityGroups", facts.NeedSecurityGroups, inventory.LostParts{
			SecurityGroups: []string{webGroup}},
			inventory.LostParts{SecurityGroups: []string{"sg-0a1de00000000dead"}}, true},
		{"subnet", "DescribeSubnets", "DescribeSubnets", facts.NeedSubnets,
			inventory.LostParts{Subnets: []string{publicSubnet}},
			inventory.LostParts{Subnets: []string{"subnet-0a1de00000000dead"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			overlooked := func(parts inventory.LostParts) (found bool, err error) {
				return f.inv.ConfirmMissing(t.Context(), parts, f.inv.Lists())
			}
			if found, err := overlooked(c.has); found || err != nil {
				t.Errorf("without a list: %v, %v", found, err)
			}
			f.empty(c.list, 0)
			f.answer(facts.Need{Kind: c.need})
			f.empty(c.read, 0)
			if found, err := overlooked(c.has); found || !errors.Is(err, absence.ErrUnknown) {
				t.Errorf("an empty answer to the read by id: %v, %v", found, err)
			}
			f.sim.Gate.ClearFaults()
			if found, err := overlooked(c.lacks); found || err != nil {
				t.Errorf("what does not exist: %v, %v", found, err)
			}
			if found, err := overlooked(c.has); found != c.found ||
				errors.Is(err, absence.ErrUnknown) == c.found {
				t.Errorf("what exists: %v, %v", found, err)
			}
			f.answer(facts.Need{Kind: c.need})
			if found, err := overlooked(c.has); found || err != nil {
				t.Errorf("once it is known: %v, %v", found, err)
			}
		})
	}
}

// TestChangedListsDecideNothingOfEarlierPlans has two stacks compiled from lists that lack a part of both. The first
// stack finds that the part exists, or the list is read again. The second stack is about to lose the part after the
// list has it again.
func TestChangedListsDecideNothingOfEarlierPlans(t *testing.T) {
	t.Parallel()
	for list, c := range map[string]struct {
		need facts.NeedKind
		lost inventory.LostParts
	}{
		"ListCertificates":       {facts.NeedCertificates, inventory.LostParts{Certificates: []string{listedCertificate}}},
		"DescribeSecurityGroups": {facts.NeedSecurityGroups, inventory.LostParts{SecurityGroups: []string{webGroup}}},
		"DescribeSubnets":        {facts.NeedSubnets, inventory.LostParts{Subnets: []string{publicSubnet}}},
	} {
		for _, found := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s found=%t", list, found), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.empty(list, 0)
				f.answer(facts.Need{Kind: c.need})
				lists := f.inv.Lists()
				f.sim.Gate.ClearFaults()
				if !found {
					f.clock.Advance(time.Hour)
				} else if again, err := f.inv.ConfirmMissing(t.Context(), c.lost, lists); !again &&
					!errors.Is(err, absence.ErrUnknown) {
					t.Fatalf("the first stack: %t, %v", again, err)
				}
				f.answer(facts.Need{Kind: c.need})
				if again, err := f.inv.ConfirmMissing(t.Context(), c.lost, lists); !again || err != nil {
					t.Errorf("the second stack: %t, %v; want it to be compiled again", again, err)
				}
			})
		}
	}
}

// TestPartOfTheRouteTablesMovesNoLoadBalancer has a list of route tables that lacks the one of a public subnet, or the
// main one.
func TestPartOfTheRouteTablesMovesNoLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, main := range []bool{true, false} {
		t.Run(fmt.Sprintf("lacks the main table=%t", main), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			tables := maps.Clone(f.sim.Account.RouteTables)
			listed := maps.Clone(tables)
			for id, table := range tables {
				if table.Main == main {
					delete(listed, id)
				}
			}
			f.sim.Account.RouteTables = listed
			got, err := f.inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedRoutes}})
			f.sim.Account.RouteTables = tables
			if unknown := err != nil || len(got.Errors) > 0; unknown != main {
				t.Fatalf("unknown: %t, %v %v", unknown, err, got.Errors)
			}
			moved := []inventory.LostParts{{Subnets: []string{publicSubnet}}, {NewSubnets: []string{publicSubnet}}}
			for _, parts := range moved {
				_, err := f.inv.ConfirmMissing(t.Context(), parts, f.inv.Lists())
				if unknown := errors.Is(err, absence.ErrUnknown); unknown == main {
					t.Errorf("%+v: %v", parts, err)
				}
			}
			f.clock.Advance(time.Minute)
			if !f.answer(facts.Need{Kind: facts.NeedRoutes}).Subnets[publicSubnet].Public {
				t.Error("in the end the subnet is not public")
			}
			for _, parts := range moved {
				if again, err := f.inv.ConfirmMissing(t.Context(), parts, f.inv.Lists()); again || err != nil {
					t.Errorf("in the end, %+v: %t, %v", parts, again, err)
				}
			}
		})
	}
}

// TestTargetGroupThatAnEmptyAnswerLacksIsNotGone asks for a target group by its ARN: only AWS's error says that it does
// not exist.
func TestTargetGroupThatAnEmptyAnswerLacksIsNotGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, tg := f.balancer("web", tracking("web"))
	web := key(stack.Ingress, "web")
	f.empty("DescribeTargetGroups", 0)
	if _, err := f.inv.FindUnlisted(t.Context(), web, []string{tg}); !errors.Is(err, absence.ErrUnknown) {
		t.Errorf("an empty answer: %v", err)
	}
	f.sim.Gate.ClearFaults()
	if exists, err := f.inv.FindUnlisted(t.Context(), web, []string{tg}); !exists || err != nil {
		t.Errorf("one that exists: %t %v", exists, err)
	}
	if exists, err := f.inv.FindUnlisted(t.Context(), web, []string{tg[:len(tg)-1] + "x"}); exists || err != nil {
		t.Errorf("one that does not: %t %v", exists, err)
	}
}
