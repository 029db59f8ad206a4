package account_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	ours "github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// asked is an API that keeps what load balancers are described by.
type asked struct {
	awsclient.ELBV2
	mu    sync.Mutex
	names []string
	tags  []int // how many load balancers each call asks for
}

func (a *asked) DescribeTags(ctx context.Context, in *elbv2.DescribeTagsInput, options ...func(*elbv2.Options)) (
	*elbv2.DescribeTagsOutput, error) {
	a.tags = append(a.tags, len(in.ResourceArns))
	return a.ELBV2.DescribeTags(ctx, in, options...)
}

func (a *asked) DescribeLoadBalancers(ctx context.Context, in *elbv2.DescribeLoadBalancersInput,
	options ...func(*elbv2.Options)) (*elbv2.DescribeLoadBalancersOutput, error) {
	a.mu.Lock()
	a.names = append(a.names, strings.Join(in.Names, " "))
	a.mu.Unlock()
	return a.ELBV2.DescribeLoadBalancers(ctx, in, options...)
}

func TestALoadBalancerIsAskedForByItsNameAndNotAgainForAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	api := &asked{ELBV2: w.sim.Balancing}
	acc := ours.New(awsclient.Clients{ELBV2: api, Accelerators: w.sim.Edge}, config, time.Hour, w.clock.Now)
	needs := []declare.Need{{Host: host("a")}, {Host: host("b")}, {Host: "www.example.com"}}
	look := func(want ...string) {
		t.Helper()
		got := acc.Balancers(t.Context(), "shop", needs, nil)
		if got[host("a")].ARN != arn("a") || got[host("b")].ARN != arn("b") || got["www.example.com"].Problem == "" {
			t.Errorf("%+v", got)
		}
		if !slices.Equal(api.names, want) {
			t.Errorf("asked for %q, want %q", api.names, want)
		}
		api.names = nil
	}
	look("k8s-a", "k8s-b", "") // whose name is not one of AWS's is looked for among all
	look()
	w.clock.Advance(11 * time.Second)
	look("") // but for the one that is missing
	w.clock.Advance(time.Hour)
	look("k8s-a", "k8s-b", "")
}

// TestPassesAtOnceMayAskForTheSameLoadBalancers is for the race detector: answers end while others are read.
func TestPassesAtOnceMayAskForTheSameLoadBalancers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var passes sync.WaitGroup
	for range 8 {
		passes.Go(func() {
			for range 20 {
				got := w.acc.Balancers(t.Context(), "shop", []declare.Need{{Host: host("a")}, {Host: host("b")}}, nil)
				if got[host("a")].ARN != arn("a") || got[host("b")].ARN != arn("b") {
					t.Errorf("%+v", got)
				}
				w.clock.Advance(time.Hour)
			}
		})
	}
	passes.Wait()
}

// TestAnswersOfANamespaceStayWhateverOthersAsk has another namespace ask for more load balancers than one may remember.
func TestAnswersOfANamespaceStayWhateverOthersAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	api := &asked{ELBV2: w.sim.Balancing}
	acc := ours.New(awsclient.Clients{ELBV2: api, Accelerators: w.sim.Edge}, config, time.Hour, w.clock.Now)
	acc.KnownOwner = func(string) (stack.Key, bool) { return stack.Key{}, true }
	var many []declare.Need
	for i := range 2100 {
		many = append(many, declare.Need{ARN: fmt.Sprint("arn:", i)})
	}
	acc.Balancers(t.Context(), "shop", []declare.Need{{Host: host("a")}}, nil)
	acc.Balancers(t.Context(), "mal", many, nil)
	api.names = nil
	if got := acc.Balancers(t.Context(), "shop", []declare.Need{{Host: host("a")}}, nil); got[host("a")].ARN != arn("a") ||
		len(api.names) > 0 {
		t.Errorf("%+v, asked for %q", got, api.names)
	}
}

// TestOwnersOfLoadBalancersAreReadTogether asks for load balancers by ARN. AWS refuses a call that names a missing one.
func TestOwnersOfLoadBalancersAreReadTogether(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arns []string
		want []int
	}{
		"all exist": {[]string{arn("a"), arn("b")}, []int{2}},
		"one does not": {[]string{arn("a"), arn("b"), strings.Replace(arn("a"), "k8s-a", "k8s-z", 1)},
			[]int{3, 1, 1, 1}},
	} {
		w := newWorld(t)
		api := &asked{ELBV2: w.sim.Balancing}
		acc := ours.New(awsclient.Clients{ELBV2: api, Accelerators: w.sim.Edge}, config, time.Hour, w.clock.Now)
		var needs []declare.Need
		for _, arn := range c.arns {
			needs = append(needs, declare.Need{ARN: arn})
		}
		got := acc.Balancers(t.Context(), "shop", needs, nil)
		if !slices.Equal(api.tags, c.want) || got[arn("a")].Problem != "" || got[arn("b")].Problem != "" {
			t.Errorf("%s: %d calls %v: %+v", name, len(api.tags), api.tags, got)
		}
	}
}
