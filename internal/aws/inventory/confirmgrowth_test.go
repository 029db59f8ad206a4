package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestDeletionCostsNoBytesOfOtherStacks shows that the choice of the resources which fill up the calls before a
// deletion costs the same however many there are, and that the first in order are chosen which nobody confirmed.
func TestDeletionCostsNoBytesOfOtherStacks(t *testing.T) { // not parallel: it counts bytes
	now := time.Unix(1000, 0)
	growth.AtMost(t, growth.Constant, "bytes of the choice of others before a deletion, by stacks", func(n int) float64 {
		i := &Inventory{stacks: map[stack.Key]*entry{}}
		i.confirmed.of = map[string]confirmation{"arn:0003": {at: now}}
		for s := range n {
			e := &entry{}
			e.obs.LoadBalancers = []awsop.LoadBalancer{{ARN: fmt.Sprintf("arn:%04d", 2*s)}}
			e.obs.TargetGroups = []awsop.TargetGroup{{ARN: fmt.Sprintf("arn:%04d", 2*s+1)}}
			e.obs.SecurityGroups = []awsop.SecurityGroup{{GroupID: fmt.Sprintf("sg-%04d", s)}}
			i.stacks[stack.Key{ID: stack.ID{Name: fmt.Sprint(s)}}] = e
		}
		want := []string{"arn:0050", "arn:0000", "arn:0001", "arn:0002"}
		for id := 4; len(want) < tagBatch; id++ {
			want = append(want, fmt.Sprintf("arn:%04d", id))
		}
		return growth.Bytes(func() {
			if arns, groups := i.filled([]string{"arn:0050"}, nil, now); !slices.Equal(arns, want) || len(groups) > 0 {
				t.Errorf("%v %v, want %v", arns, groups, want)
			}
		})
	})
}

// TestProvisioningLooksAtNoStackAtRest has a stack at which a look would panic: there are four looks a second.
func TestProvisioningLooksAtNoStackAtRest(t *testing.T) {
	t.Parallel()
	i := New(awsclient.Clients{}, Config{})
	k := stack.Key{ID: stack.ID{Name: "web"}}
	e := i.entry(k)
	e.obs.LoadBalancers = []awsop.LoadBalancer{{ARN: "arn:web", LoadBalancer: stack.LoadBalancer{Name: "web"},
		State: "provisioning"}}
	i.noteHaving(e)
	i.stacks[stack.Key{ID: stack.ID{Name: "at-rest"}}] = nil
	if got := i.Provisioning(); len(got) != 1 || got["arn:web"] != k {
		t.Errorf("provisioning: %v", got)
	}
	i.setState(k, "arn:web", "active")
	if got := i.Provisioning(); len(got) > 0 || len(i.starting) > 0 {
		t.Errorf("provisioning: %v, kept: %v", got, i.starting)
	}
	i.setState(k, "arn:web", "provisioning")
	if got := i.Provisioning(); len(got) != 1 {
		t.Errorf("provisioning: %v", got)
	}
}
